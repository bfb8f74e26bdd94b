// The one way in: `npm start`, `npm test` and their kin. Plain JavaScript without packages, since it runs before there are
// any, on whatever Node (20 or later) the machine has. It installs the packages when their lock changed, then hands over to
// the pinned Deno.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const checkout = fileURLToPath(new URL("../", import.meta.url));
const args = process.argv.slice(2);
const forTests = args[0] === "test" || args[0] === "ok";

/** What each command runs on Deno; the others are the local stack's own. */
const MODULES = {
  backfill: ["run", "-A", "--cached-only", join(checkout, "dev/backfill/main.ts")],
  dashboards: ["run", "-A", "--cached-only", join(checkout, "dashboards/main.ts")],
  "dead-letter": ["run", "-A", "--cached-only", join(checkout, "dev/dead_letter/main.ts")],
  exchange: ["run", "-A", "--cached-only", join(checkout, "dev/exchange/main.ts")],
  format: ["fmt"],
  metrics: ["run", "-A", "--cached-only", join(checkout, "dev/metrics.ts")],
  parity: ["run", "-A", "--cached-only", join(checkout, "dev/parity/main.ts")],
  record: ["run", "-A", "--cached-only", join(checkout, "dev/record/main.ts")],
  replay: ["run", "-A", "--cached-only", join(checkout, "dev/record/replay_main.ts")],
  storm: ["run", "-A", "--cached-only", join(checkout, "tests/storm/main.ts")],
  ok: ["run", "-A", "--cached-only", join(checkout, "dev/ok.ts")],
};

if (Number(process.versions.node.split(".")[0]) < 20) {
  fail(`Node ${process.versions.node} is too old; Stofka needs Node 20 or later to start`);
}
/** Ends what runs now. */
let end = () => {};
let ending = false;
// On a terminal Ctrl-C reaches the whole group; other signals reach this process alone and are handed on.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    ending = true;
    end();
  });
}
if (process.env.npm_lifecycle_event !== undefined) {
  // npm, by way of the shell that it starts scripts with: when either is killed, everything is to end.
  const above = ancestors();
  setInterval(() => ancestors() === above || process.emit("SIGTERM"), 1000).unref();
}
await installPackages();
run(denoBinary());

/** Our parent and, where the system shows it cheaply, the parent's parent: they change when one of them is gone. */
function ancestors() {
  let grandparent = "";
  try {
    const stat = readFileSync(`/proc/${process.ppid}/stat`, "utf8");
    grandparent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]; // proc(5): state, then the parent
  } catch {
    // no /proc on this system, or the parent has just ended
  }
  return `${process.ppid} ${grandparent}`;
}

/** Those of the tests only for the tests. What is installed for the tests serves the start too. */
async function installPackages() {
  if (packagesInstalled()) return;
  const begunAt = Date.now();
  console.log(`  installing packages${forTests ? ", with those of the tests" : ""} (npm ci)`);
  const flags = ["--no-audit", "--no-fund", "--loglevel=error"];
  if (!forTests) flags.push("--omit=dev");
  // Held by a pipe, so that it ends with us however we end.
  const npm = spawn("sh", [join(checkout, "dev/stack/guard.sh"), "npm", "ci", ...flags], {
    cwd: checkout,
    stdio: ["pipe", "inherit", "inherit"],
    detached: true,
  });
  end = () => npm.stdin.end();
  const [code, error] = await new Promise((resolve) => {
    npm.once("error", (error) => resolve([1, error]));
    npm.once("exit", (code) => resolve([code]));
  });
  if (ending) process.exit(130);
  if (code !== 0) {
    fail(
      `npm ci failed${
        error ? ` (${error.message})` : ""
      }: see its lines above. Is the network there, is the disk full, may you write to ${checkout}, ` +
        `does npm need a proxy or a registry in ~/.npmrc?`,
    );
  }
  const seconds = ((Date.now() - begunAt) / 1000).toFixed(1);
  console.log(`  ✓ ${"packages".padEnd(44)} ${`${seconds} s`.padStart(8)}`);
}

/**
 * Whether node_modules holds what the lock asks for. npm notes there what it installed, last of all, so a run cut short
 * counts as none; and a developer's own `npm install` counts as well as ours.
 */
function packagesInstalled() {
  const wanted = JSON.parse(readFileSync(join(checkout, "package-lock.json"), "utf8")).packages;
  let found;
  try {
    found = JSON.parse(readFileSync(join(checkout, "node_modules/.package-lock.json"), "utf8"))
      .packages;
  } catch (error) {
    if (error.code === "ENOENT") return false;
    throw error;
  }
  return Object.entries(wanted).every(([path, entry]) => {
    const { version, integrity, optional } = entry;
    // A link says itself not whether it is for tests; the folder that it leads to does.
    const { dev, devOptional } = entry.link ? wanted[entry.resolved] : entry;
    if (!path.startsWith("node_modules/") || ((dev || devOptional) && !forTests)) return true;
    const installed = found[path];
    if (installed === undefined) return optional === true || devOptional === true; // of another platform
    return installed.version === version && installed.integrity === integrity;
  });
}

/** The real binary, not the wrapper in .bin: its process is the one to signal and to measure. */
function denoBinary() {
  const { platform, arch } = process;
  const names = {
    "linux x64": "linux-x64-glibc",
    "linux arm64": "linux-arm64-glibc",
    "darwin x64": "darwin-x64",
    "darwin arm64": "darwin-arm64",
  };
  const name = names[`${platform} ${arch}`];
  if (name === undefined) {
    fail(
      `there is no pinned Deno for ${platform} on ${arch}; Stofka runs on Linux (glibc) and macOS, x64 and arm64`,
    );
  }
  const binary = join(checkout, "node_modules", "@deno", name, "deno");
  if (!existsSync(binary)) {
    fail(
      `${binary} is missing: npm left out the optional package @deno/${name}. ` +
        `Look for "omit" in npm's settings (npm config get omit), delete node_modules, and start again`,
    );
  }
  return binary;
}

/** What Deno compiled is kept with the other things that can be made again: see dev/stack/context.ts. */
function denoFolder() {
  const { XDG_CACHE_HOME: base } = process.env;
  return join(base?.startsWith("/") ? base : join(homedir(), ".cache"), "stofka", "deno");
}

function run(deno) {
  const [command, ...rest] = args;
  const module = MODULES[command] ??
    ["run", "-A", "--cached-only", join(checkout, "dev/stack/main.ts"), command];
  const child = spawn(deno, [...module, ...rest].filter((arg) => arg !== undefined), {
    cwd: MODULES[command] === undefined ? process.cwd() : checkout,
    stdio: "inherit",
    env: {
      ...process.env,
      DENO_DIR: denoFolder(),
      DENO_NO_UPDATE_CHECK: "1",
      STOFKA_PARENT_PID: String(process.pid),
    },
  });
  end = () => child.kill("SIGTERM"); // we end when it has ended
  if (ending) end();
  child.once("error", (error) => fail(`${deno} could not be started: ${error.message}`));
  child.once("exit", (code, signal) => process.exit(signal === null ? code : 1));
}

function fail(message) {
  console.error(`\nstofka: ${message}`);
  process.exit(1);
}
