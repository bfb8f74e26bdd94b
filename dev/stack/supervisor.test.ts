import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../../tests/until.ts";
import { endOrphans, orphansOf } from "./orphans.ts";
import type { Part } from "./part.ts";
import {
  isAlive,
  parseIdentity,
  type ProcessIdentity,
  processIdentity,
} from "./process_identity.ts";
import { type PartEnded, partsFolder, Supervisor } from "./supervisor.ts";

let folder = "";
let supervisor: Supervisor | undefined;
const ends: PartEnded[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stofka-supervisor-"));
  ends.length = 0;
});
afterEach(async () => {
  await supervisor?.end([]);
  supervisor = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function supervise(): Supervisor {
  return supervisor = new Supervisor({
    folder,
    environment: { PATH: process.env["PATH"], SECRET_OF_THE_SHELL: "x" },
    onEnd: (event) => ends.push(event),
  });
}

/** A shell script as a part; ready once the file `ready` is there. */
function part(name: string, script: string): Part {
  return {
    name,
    command: "sh",
    args: ["-c", script],
    cwd: folder,
    stopSignal: "SIGTERM",
    ready: () =>
      existsSync(join(folder, "ready"))
        ? Promise.resolve()
        : Promise.reject(new Error("no file yet")),
  };
}

function identities(): ProcessIdentity[] {
  return readdirSync(partsFolder(folder)).filter((file) => file.endsWith(".pid"))
    .map((file) => parseIdentity(readFileSync(join(partsFolder(folder), file), "utf8")))
    .filter((identity) => identity !== undefined);
}

test("a part that is killed is named with its log's end and started again; its process is a new one", async () => {
  await supervise().start(part("a", "echo working; touch ready; exec sleep 60"));
  const first = supervisor!.processes()["a"]!.pid!;
  process.kill(first, "SIGKILL");
  await until("a runs again", 10_000, () => (supervisor!.processes()["a"]!.pid ?? first) !== first);
  expect(ends).toMatchObject([{ part: "a", how: "signal SIGKILL", lastLines: ["working"] }]);
  expect(ends[0]!.restartInMs).toBeLessThanOrEqual(500);
});

test("a part that keeps ending is started ever more slowly", async () => {
  supervise().start(part("a", "exit 3")).catch(() => {});
  await until("four ends", 10_000, () => ends.length === 4);
  const delays = ends.map(({ restartInMs }) => restartInMs);
  expect(ends[0]!.how).toBe("exit code 3");
  expect(delays[3]).toBeGreaterThan(delays[0]!);
});

test("what a part left behind ends with it, and so does a part that refuses its signal", async () => {
  await supervise().start(
    part("stubborn", "trap '' TERM; sleep 60 & echo $! > child; touch ready; wait; wait; sleep 60"),
  );
  const child = processIdentity(Number(readFileSync(join(folder, "child"), "utf8")))!;
  const begunAt = performance.now();
  await supervisor!.stop(["stubborn"], 300);
  expect(performance.now() - begunAt).toBeLessThan(20_000); // by itself it would take two minutes
  await until("it is gone", 10_000, () => !isAlive(child));
  expect(identities()).toEqual([]);
});

test("a part sees none of the shell's secrets", async () => {
  await supervise().start(part("a", "env > seen; touch ready; exec sleep 60"));
  expect(readFileSync(join(folder, "seen"), "utf8")).not.toContain("SECRET_OF_THE_SHELL");
});

test("a job that fails says where its log is and how it ends", async () => {
  const job = { name: "job", command: "sh", args: ["-c", "echo no space left; exit 7"] };
  await expect(supervise().run(job)).rejects.toMatchObject({
    code: "job_failed",
    message: expect.stringMatching(
      /job: exit code 7\..*job\.log ends:\n {4}no space left/,
    ) as string,
  });
});

test("a program that is not there is said, not crashed on", async () => {
  const job = { name: "job", command: "/no/such/program", args: [] };
  await expect(supervise().run(job)).rejects.toThrow(/could not be started.*ENOENT/);
});

/** Another process that supervises one part, to be killed. */
async function foreignSupervisor(): Promise<{ pid: number; ended: Promise<unknown> }> {
  const module = new URL("./supervisor.ts", import.meta.url).href;
  const child = spawn(process.execPath, [
    "--input-type=module",
    "-e",
    `
    const { Supervisor } = await import(${JSON.stringify(module)});
    const folder = ${JSON.stringify(folder)};
    new Supervisor({ folder, environment: process.env, onEnd() {} }).start({
      name: "a", command: "sh", args: ["-c", "sleep 60 & sleep 60"], stopSignal: "SIGTERM",
      ready: () => Promise.reject(new Error("never")),
    });
  `,
  ], { stdio: "ignore", cwd: new URL("../..", import.meta.url).pathname });
  const ended = once(child, "exit");
  await until(
    "it has one part",
    10_000,
    () => existsSync(partsFolder(folder)) && identities().length === 1,
  );
  return { pid: child.pid!, ended };
}

test("when the supervisor is killed, its watchdog ends the parts", async () => {
  const { pid, ended } = await foreignSupervisor();
  const parts = identities();
  process.kill(pid, "SIGKILL");
  await ended;
  await until("all parts are gone", 10_000, () => parts.every((identity) => !isAlive(identity)));
  expect(parts).toHaveLength(1);
});

test("when the watchdog is killed too, the next start finds the parts and ends them; a stranger stays", async () => {
  const { pid, ended } = await foreignSupervisor();
  const parts = identities();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${entry}/cmdline`, "utf8");
      if (line.includes("watchdog.sh") && line.includes(folder)) {
        process.kill(Number(entry), "SIGKILL");
      }
    } catch {
      // it ended while we looked
    }
  }
  process.kill(pid, "SIGKILL");
  await ended;
  await sleep(300);
  expect(parts.every(isAlive)).toBe(true);
  // The number of a process that ended was given to this one meanwhile.
  writeFileSync(join(partsFolder(folder), "stranger.pid"), `${process.pid} 1\n`);
  expect(orphansOf(folder).map(({ name }) => name)).toEqual(["a"]);
  expect(await endOrphans(folder)).toEqual(["a"]);
  expect(parts.some(isAlive)).toBe(false);
});
