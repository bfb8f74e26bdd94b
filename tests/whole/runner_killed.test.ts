import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  isAlive,
  parseIdentity,
  type ProcessIdentity,
  processIdentity,
} from "../../dev/stack/process_identity.ts";
import { tied } from "../tied.ts";
import { until } from "../until.ts";
import { CHECKOUT, surroundings } from "./stack.ts";

/** `kill -9` in the middle of `npm test`: nothing of it lives on. Found alive before: a simulator, a Redis. */

const GONE_MS_MAX = 10_000;
/** A file of tests with a simulated exchange for each. */
const FILE = "services/ingest/faults.test.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stofka-runner-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Found extends ProcessIdentity {
  readonly command: string;
  readonly parent: number;
}

/** Whose temporary folder is ours: what the run started, except for programs that write over their environment. */
function marked(): Found[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      const identity = processIdentity(Number(name));
      const ours = environment.includes(`TMPDIR=${folder}`) || command.includes(folder);
      if (!ours || identity === undefined) return [];
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      return [{ ...identity, command, parent: Number(/\) \S (\d+)/.exec(stat)![1]) }];
    } catch {
      return []; // gone meanwhile, or another user's
    }
  });
}

/** The servers of the run, by their pid files. */
function servers(): ProcessIdentity[] {
  return readdirSync(folder).filter((name) => name.startsWith("stofka-test-")).flatMap((name) => {
    const parts = join(folder, name, "run/parts");
    return readdirSync(parts).filter((file) => file.endsWith(".pid"))
      .map((file) => parseIdentity(readFileSync(join(parts, file), "utf8"))!);
  });
}

/** Starts `npm test` on one file and resolves when a simulated exchange runs in it. */
async function running(): Promise<Found> {
  const child = tied(
    spawn("node", ["dev/bootstrap.mjs", "test", "--no-install", FILE], {
      cwd: CHECKOUT,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...surroundings(), TMPDIR: folder },
    }),
  );
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on("data", (data) => output += String(data));
  }
  let exchange: Found | undefined;
  await until("a test runs with an exchange", 90_000, () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${output}`);
    exchange = marked().find(({ command }) => command.includes("dev/exchange/main.ts"));
    return exchange !== undefined;
  }, { everyMs: 200, told: () => output });
  return exchange!;
}

test(
  "the stack that runs the tests is killed: no server, no worker, no simulator is left, and no folder",
  async () => {
    await running();
    const before = [...marked(), ...servers()];
    const stack = marked().find(({ command }) => command.includes("dev/stack/main.ts test"))!;
    expect(before.length).toBeGreaterThan(6); // bootstrap, stack, vitest, worker, exchange, servers
    process.kill(stack.pid, "SIGKILL");
    await until(
      "nothing is left",
      GONE_MS_MAX,
      () => marked().length === 0 && before.every((one) => !isAlive(one)),
      {
        told: () => JSON.stringify([marked(), before.filter(isAlive)], null, 1),
        promised: true,
      },
    );
    const folders = () => readdirSync(folder).filter((name) => name.startsWith("stofka-"));
    await until("no folder is left", 2_000, () => folders().length === 0, {
      told: () => folders().join(),
    });
  },
  150_000,
);

test(
  "a worker is killed, as by a time limit: its simulator ends; then the runner is, and the run ends by itself",
  async () => {
    const exchange = await running();
    process.kill(exchange.parent, "SIGKILL");
    await until("the simulator is gone", GONE_MS_MAX, () => !isAlive(exchange), {
      promised: true,
    });
    const runner = marked().find(({ command }) => command.includes("vitest.mjs run"));
    if (runner !== undefined) process.kill(runner.pid, "SIGKILL");
    const before = [...marked(), ...servers()];
    await until(
      "nothing is left",
      GONE_MS_MAX,
      () => marked().length === 0 && before.every((one) => !isAlive(one)),
      {
        told: () => JSON.stringify([marked(), before.filter(isAlive)], null, 1),
        promised: true,
      },
    );
  },
  150_000,
);
