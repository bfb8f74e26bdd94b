// The one way in: `npm start`, `npm test` and their kin. Plain JavaScript without packages, since it runs before there are
// any, on whatever Node (20 or later) the machine has. It installs the packages when their lock changed, then hands over to
// the pinned Deno.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const checkout = fileURLToPath(new URL("../", import.meta.url));
const args = process.argv.slice(2);
const forTests = args[0] === "test";

if (Number(process.versions.node.split(".")[0]) < 20) {
  fail(`Node ${process.versions.node} is too old; Stofka needs Node 20 or later to start`);
}
installPackages();
run(denoBinary());

/** Those of the tests only for the tests. What is installed for the tests serves the start too. */
function installPackages() {
  if (packagesInstalled()) return;
  const begunAt = Date.now();
  console.log(`  installing packages${forTests ? ", with those of the tests" : ""} (npm ci)`);
  const { status, error } = spawnSync(
    "npm",
    ["ci", "--no-audit", "--no-fund", "--loglevel=error", ...(forTests ? [] : ["--omit=dev"])],
    { cwd: checkout, stdio: "inherit" },
  );
  if (status !== 0) {
    fail(
      `npm ci failed${
        error ? ` (${error.message})` : ""
      }: see its lines above. Is the network there, ` +
        `is the disk full, does npm need a proxy or a registry in ~/.npmrc?`,
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
  return Object.entries(wanted).every(
    ([path, { version, integrity, dev, devOptional, optional }]) => {
      if (!path.startsWith("node_modules/") || ((dev || devOptional) && !forTests)) return true;
      const installed = found[path];
      if (installed === undefined) return optional === true || devOptional === true; // of another platform
      return installed.version === version && installed.integrity === integrity;
    },
  );
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
  const child = spawn(
    deno,
    ["run", "-A", "--cached-only", join(checkout, "dev", "stack", "main.ts"), ...args],
    {
      cwd: process.cwd(),
      stdio: "inherit",
      env: { ...process.env, DENO_DIR: denoFolder(), DENO_NO_UPDATE_CHECK: "1" },
    },
  );
  // Ctrl-C reaches the whole group; other signals reach this process alone and are handed on. It ends when Deno has ended.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  if (process.env.npm_lifecycle_event !== undefined) {
    const parent = process.ppid;
    setInterval(() => process.ppid === parent || child.kill("SIGTERM"), 1000).unref();
  }
  child.once("error", (error) => fail(`${deno} could not be started: ${error.message}`));
  child.once("exit", (code, signal) => process.exit(signal === null ? code : 1));
}

function fail(message) {
  console.error(`\nstofka: ${message}`);
  process.exit(1);
}
