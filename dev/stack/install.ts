import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Failure } from "#core/failure.ts";
import { onPath } from "./programs.ts";
import type { Progress } from "./progress.ts";
import { askYes } from "./question.ts";
import { downloadBytes, type Need, NEED_TEXT, packagesFor } from "./system_packages.ts";

const SCRIPT = fileURLToPath(new URL("./apt_install.sh", import.meta.url));
const GUARD = fileURLToPath(new URL("./guard.sh", import.meta.url));

export interface InstallOptions {
  readonly needs: readonly Need[];
  readonly postgresMajor?: string | undefined;
  readonly yes: boolean;
  readonly allowed: boolean;
  /** Someone sits there and can answer. */
  readonly terminal: boolean;
  readonly uid: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends what runs when it aborts; a system's half-done installation is completed by the next. */
  readonly signal: AbortSignal;
}

/**
 * Installs what is missing: after asking once on a terminal, otherwise after printing what it does.
 *
 * @returns the packages it asked for
 * @throws Failure `install_refused`, `system_unknown`, `package_unknown`, `no_root`, `install_failed`, `stopped`
 */
export async function installPackages(
  options: InstallOptions,
  progress: Progress,
): Promise<readonly string[]> {
  const { needs, uid, environment } = options;
  if (needs.length === 0) return [];
  const missing = needs.map((need) => NEED_TEXT[need]).join("; ");
  if (onPath(environment, "apt-get") === undefined) {
    throw new Failure(
      "system_unknown",
      `missing on this machine: ${missing}. This system has no apt, so please install them with its own package manager; they are found on the PATH`,
    );
  }
  const root = asRoot(options);
  const refused = (names: readonly string[]) =>
    new Failure(
      "install_refused",
      `missing on this machine: ${missing}. To install: ${
        uid === 0 ? "" : "sudo "
      }apt-get install --no-install-recommends ${names.join(" ")}`,
    );
  let lists: "update" | "no-update" = "update";
  let choice = packagesFor(needs, knownPackages(needs, options), options.postgresMajor);
  if (choice.unknown.length > 0 && options.allowed && root !== undefined) {
    // A fresh system has no lists yet; they must be read before packages can be named with their size.
    await progress.step(
      "reading the system's package lists",
      () => runQuietly(root, ["apt-get", "-q", "update"], options.signal),
    );
    lists = "no-update";
    choice = packagesFor(needs, knownPackages(needs, options), options.postgresMajor);
  }
  if (choice.unknown.length > 0) {
    const unknown = choice.unknown.map((need) => NEED_TEXT[need]).join("; ");
    throw new Failure(
      "package_unknown",
      `no package of this system gives: ${unknown}. Bring the lists up to date (apt-get update), or install by hand what is missing: ${missing}`,
    );
  }
  const { packages } = choice;
  if (!options.allowed) throw refused(packages);
  if (root === undefined) {
    throw new Failure(
      "no_root",
      `${
        refused(packages).message
      }. Neither root nor sudo without a password is at hand here, so run that command and start again`,
    );
  }
  const size = `${Math.ceil(downloadBytes(printUris(packages)) / 1e6)} MB to download`;
  const sentence = `Stofka needs ${packages.length} system packages (${size}): ${
    packages.join(", ")
  }.`;
  if (options.terminal && !options.yes) {
    if (
      !await askYes(
        `${sentence}\nNo service will be started, no existing server touched. Install them now? [Y/n] `,
        "yes",
      )
    ) {
      throw refused(packages);
    }
  } else progress.say(sentence);
  await progress.step(
    `installing ${packages.length} system packages`,
    () => runQuietly(root, ["sh", SCRIPT, lists, ...packages], options.signal),
  );
  return packages;
}

/** What to put before a command so that it runs as root; undefined when that is not possible here. */
function asRoot({ uid, environment, terminal }: InstallOptions): readonly string[] | undefined {
  if (uid === 0) return [];
  const sudo = onPath(environment, "sudo");
  if (sudo === undefined) return undefined;
  if (spawnSync(sudo, ["-n", "true"], { stdio: "ignore" }).status === 0) return [sudo, "-n"];
  return terminal ? [sudo] : undefined; // asks for the password itself
}

/** Asks apt once for all candidates. A package is known when it has one. */
function knownPackages(
  needs: readonly Need[],
  { postgresMajor }: InstallOptions,
): (name: string) => boolean {
  const asked = new Set<string>();
  packagesFor(needs, (name) => (asked.add(name), false), postgresMajor);
  for (const major of asked) {
    const match = /^postgresql-(\d+)$/.exec(major);
    if (match !== null) asked.add(`postgresql-${match[1]}-cron`);
  }
  const { stdout } = spawnSync("apt-cache", ["policy", ...asked], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  const known = parsePolicy(stdout);
  return (name) => known.has(name);
}

/** Names that have a candidate in the output of `apt-cache policy`. */
export function parsePolicy(text: string): ReadonlySet<string> {
  const known = new Set<string>();
  let name = "";
  for (const line of text.split("\n")) {
    const heading = /^(\S+):$/.exec(line);
    if (heading !== null) name = heading[1]!;
    else if (/^ {2}Candidate: (?!\(none\))/.test(line)) known.add(name);
  }
  return known;
}

function printUris(packages: readonly string[]): string {
  return spawnSync(
    "apt-get",
    [
      "install",
      "--print-uris",
      "-qq",
      "-y",
      "--no-install-recommends",
      "-o",
      "Debug::NoLocking=1",
      ...packages,
    ],
    { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } },
  ).stdout;
}

/** Its output is shown when it fails. sudo asks for a password on the terminal itself. */
function runQuietly(
  prefix: readonly string[],
  command: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const [program, ...args] = [...prefix, "sh", GUARD, ...command];
  return new Promise((resolve, reject) => {
    const child = spawn(program!, args, { stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk: Uint8Array) => {
      output = (output + new TextDecoder().decode(chunk)).slice(-3000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const end = () => void child.stdin.end();
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    child.once("error", reject);
    child.once("close", (code, how) => {
      signal.removeEventListener("abort", end);
      child.stdin.destroy();
      if (code === 0) return resolve();
      if (signal.aborted) {
        return reject(
          new Failure("stopped", `${command.slice(0, 2).join(" ")} was stopped before it was done`),
        );
      }
      reject(
        new Failure(
          "install_failed",
          `${command.slice(0, 2).join(" ")} failed (${
            how ?? `exit code ${code}`
          }). Is the network there, is another apt running, is the disk full? It said:\n${output.trim()}`,
        ),
      );
    });
  });
}
