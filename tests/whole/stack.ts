import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import type { StackFile } from "../../dev/stack/stack_file.ts";
import { tied } from "../tied.ts";
import { until } from "../until.ts";

/** The top folder of the checkout. */
export const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));

/** How the product is entered: as a user does, by its bootstrap without npm around it, or with everything of ours on Node. */
export type Way = "npm start" | "bootstrap" | "node";

const COMMANDS: Readonly<Record<Way, readonly string[]>> = {
  "npm start": ["npm", "start", "--"],
  bootstrap: ["node", "dev/bootstrap.mjs", "start"],
  // the pinned Node, which the stack then starts its services with too
  node: [join(CHECKOUT, "node_modules/.bin/node"), "dev/stack/main.ts", "start"],
};

const STARTED_MS_MAX = 150_000;
/** Promised to the user. */
export const STOPPED_MS_MAX = 10_000;

/** The whole product, running in a folder of its own. */
export class Stack {
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<number>;
  readonly #pids = new Set<number>();
  #output = "";
  #database: postgres.Sql | null = null;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => this.#output += text);
    }
    this.#exited = new Promise((resolve) => {
      child.once("error", () => resolve(-1));
      // npm itself ends by the signal that it hands on, once what it ran has ended
      child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 0 : -1)));
    });
  }

  /**
   * Starts it and resolves when it says that it runs; when it does not, everything is ended first.
   *
   * @param flags of `npm start`, without `--data`
   * @param folder its data folder: a new one, or what an earlier version left
   */
  static async start(
    way: Way,
    flags: readonly string[],
    folder = mkdtempSync(join(tmpdir(), "stofka-whole-")),
  ): Promise<Stack> {
    const [command, ...args] = COMMANDS[way];
    const child = tied(
      spawn(command!, [...args, "--data", folder, "--no-install", "--yes", ...flags], {
        cwd: CHECKOUT,
        // a group of its own, so that an interrupt reaches all of it as Ctrl-C does on a terminal
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
        env: surroundings(),
      }),
    );
    const stack = new Stack(folder, child);
    try {
      await stack.#started();
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  /** What it printed. */
  get output(): string {
    return this.#output;
  }

  get file(): StackFile {
    const file = JSON.parse(readFileSync(join(this.folder, "stack.json"), "utf8")) as StackFile;
    for (const { pid } of Object.values(file.processes)) if (pid !== null) this.#pids.add(pid);
    return file;
  }

  /** The namespace's database, as its owner. */
  get database(): postgres.Sql {
    return this.#database ??= postgres(this.file.postgres, {
      max: 2,
      onnotice: () => {},
      types: { bigint: postgres.BigInt },
    });
  }

  pid(part: string): number | null {
    return this.file.processes[part]?.pid ?? null;
  }

  /** Ends the part's process without letting it say a word. Returns when, ms. */
  kill(part: string): number {
    const pid = this.pid(part);
    if (pid === null) throw new Error(`${part} is not running`);
    const atMs = Date.now();
    process.kill(pid, "SIGKILL");
    return atMs;
  }

  /** Resolves when the part runs as another process and every service calls itself ready; with that moment, ms. */
  async recovered(part: string, before: number, limitMs: number): Promise<number> {
    await until(`${part} runs again and all are ready`, limitMs, async () => {
      const { pid } = this.file.processes[part]!;
      if (pid === null || pid === before) return false;
      return await this.ready();
    });
    return Date.now();
  }

  async ready(): Promise<boolean> {
    const answers = Object.values(this.file.metrics).map(async (metrics) => {
      try {
        const answer = await fetch(metrics.replace("/metrics", "/readyz"), {
          signal: AbortSignal.timeout(2_000),
        });
        return answer.ok;
      } catch {
        return false; // not listening yet
      }
    });
    return (await Promise.all(answers)).every((ok) => ok);
  }

  /**
   * Interrupts it and waits; what does not end by then is killed. Resolves with what went wrong: nothing, when it ended in
   * time, with code 0, and no process of it is left.
   */
  async stop(): Promise<readonly string[]> {
    const wrong: string[] = [];
    if (existsSync(join(this.folder, "stack.json"))) void this.file; // remember the pids
    await this.#database?.end({ timeout: 1 });
    if (
      this.#child.exitCode === null && this.#child.signalCode === null &&
      this.#child.pid !== undefined
    ) {
      signalGroup(this.#child.pid, "SIGINT");
      const timer = new AbortController();
      const code = await Promise.race([
        this.#exited,
        sleep(STOPPED_MS_MAX + 2_000, null, { signal: timer.signal }).catch(() => null),
      ]);
      timer.abort();
      if (code === null) wrong.push(`it did not end within ${STOPPED_MS_MAX} ms`);
      else if (code !== 0) wrong.push(`exit code ${code}`);
    }
    await sleep(100);
    for (const pid of this.#left()) {
      wrong.push(`process ${pid} is left: ${commandOf(pid)}`);
      signalGroup(pid, "SIGKILL");
    }
    if (this.#child.pid !== undefined) signalGroup(this.#child.pid, "SIGKILL");
    await removeFolder(this.folder);
    return wrong;
  }

  /** The tail of a log, for a failing test's message. */
  log(part: string, lines = 15): string {
    const file = join(this.folder, "logs", `${part}.log`);
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(-lines).join("\n") : "";
  }

  async #started(): Promise<void> {
    const exited = this.#exited.then((code) => {
      throw new Error(`it ended with code ${code} while starting:\n${this.#output}`);
    });
    const said = until(
      "npm start says that it runs",
      STARTED_MS_MAX,
      () => /Stofka runs +http/.test(this.#output) && existsSync(join(this.folder, "stack.json")),
    );
    try {
      await Promise.race([said, exited]);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.#output}`);
    }
    exited.catch(() => {}); // its end is stop()'s matter from here on
    void this.file;
  }

  /** Processes of this stack that still live: those it named, and those whose command names its folder. */
  #left(): number[] {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number)
      .filter((pid) => pid !== process.pid)
      .filter((pid) => this.#pids.has(pid) || commandOf(pid).includes(this.folder))
      .filter((pid) => stateOf(pid) !== "Z" && stateOf(pid) !== undefined);
  }
}

/** Ours without what the test runner's own npm put there; but the bootstrap is told to look after its parent, us. */
export function surroundings(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) =>
    !/^(npm_|NODE_OPTIONS|NODE_ENV|VITEST|INIT_CWD|STOFKA_TEST)/.test(name)
  );
  return { ...Object.fromEntries(own), npm_lifecycle_event: "start" };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return ""; // gone meanwhile
  }
}

function stateOf(pid: number): string | undefined {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

async function removeFolder(folder: string): Promise<void> {
  // as root, PostgreSQL's part of the data lies where its user can reach it
  let elsewhere: string | undefined;
  try {
    elsewhere = JSON.parse(readFileSync(join(folder, "stofka.json"), "utf8")).postgresFolder;
  } catch {
    elsewhere = undefined; // it did not get that far
  }
  for (const path of [folder, elsewhere]) {
    if (path === undefined) continue;
    for (let attempt = 1; attempt <= 20 && existsSync(path); attempt++) {
      try {
        rmSync(path, { recursive: true, force: true });
      } catch {
        await sleep(100); // a dying process still wrote into it
      }
    }
  }
}
