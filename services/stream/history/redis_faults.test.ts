import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { INTERVALS } from "#core/interval.ts";
import { testServers } from "../../../tests/servers.ts";
import { until } from "../../../tests/until.ts";
import { HistoryWorld } from "../testing/history_world.ts";

/** What an answer may take above PostgreSQL's own while Redis is down, slow or full, ms. */
const ABOVE_MS_MAX = 250;

let server: ChildProcess;
let folder: string;
let world: HistoryWorld;

beforeAll(async () => {
  const port = await freePort();
  folder = mkdtempSync(join(tmpdir(), "stofka-redis-"));
  server = spawn(testServers().redisServer, [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
    ...["--maxmemory", "64mb", "--maxmemory-policy", "noeviction"],
  ], { stdio: "ignore" });
  await until("Redis listens", 10_000, () => listens(port));
  world = await HistoryWorld.start(100, `redis://127.0.0.1:${port}`);
});
afterAll(async () => {
  await world.stop();
  server.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  await world.clear();
  world.nowMs = world.startMs + 95_000;
  await world.trade({ at: 0 }, { at: 3, price: "101" }, { at: 62, price: "99" });
  await world.roll();
  await cached();
});

async function expectTrue(answers: readonly unknown[]): Promise<void> {
  world.answers.length = 0;
  for (const interval of INTERVALS) {
    // a busy machine may hold up an answer or two, never each
    let aboveMs = Infinity;
    for (let tries = 0; tries < 4 && aboveMs >= ABOVE_MS_MAX; tries++) {
      const startedAt = performance.now();
      const truth = await world.truePage(interval);
      const truthMs = performance.now() - startedAt;
      const askedAt = performance.now();
      expect(await world.page(interval), interval).toEqual(truth);
      aboveMs = Math.min(aboveMs, performance.now() - askedAt - truthMs);
    }
    expect(aboveMs).toBeLessThan(ABOVE_MS_MAX);
  }
  if (answers.length > 0) expect(new Set(world.answers)).toEqual(new Set(answers));
}

test("Redis down: PostgreSQL answers, and what was missed is filled again on the return", async () => {
  world.proxy.cut();
  await expectTrue(["away"]);
  const told = await world.storeSeconds({ at: 3, price: "102", tickMs: 990 });
  told();
  await world.drain();
  (await world.relay())();
  await expectTrue(["away"]);
  world.proxy.mend();
  await recovered();
});

test("Redis silent: the first answer waits for its limit, the others do not, and none is wrong", async () => {
  server.kill("SIGSTOP");
  const told = await world.storeSeconds({ at: 3, price: "103", tickMs: 991 });
  told();
  await world.drain();
  (await world.relay())();
  await expectTrue(["away"]);
  server.kill("SIGCONT");
  await recovered();
});

test("Redis full: what cannot be written there ends, and reads are right", async () => {
  const { used_memory: used } = Object.fromEntries(
    (await world.inspect.info("memory")).split("\r\n").map((line) => line.split(":")),
  );
  await world.inspect.config("SET", "maxmemory", String(Number(used) - 100_000));
  const told = await world.storeSeconds({ at: 3, price: "104", tickMs: 992 });
  told();
  (await world.storeMark())();
  await world.drain();
  (await world.relay())();
  await until(
    "persist has given up the ranges",
    5_000,
    async () => await world.inspect.hlen(world.keys.feed) === 0,
  );
  await expectTrue(["no_feed"]);
  await world.inspect.config("SET", "maxmemory", "64mb");
  await recovered();
});

/** Persist writes again, and after one question an interval Redis answers again. */
async function recovered(): Promise<void> {
  await until("persist is back", 10_000, async () => {
    (await world.storeMark())();
    return await world.inspect.exists(world.keys.relayed) === 1 &&
      await world.inspect.hlen(world.keys.feed) === 1;
  }, { everyMs: 200 });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await world.idle();
  (await world.storeMark())();
  await world.idle();
  await cached();
}

/** Redis answers for every interval, truly. It is asked once to fill it, and again where it was held up beyond its limit. */
async function cached(): Promise<void> {
  await until("Redis answers", 10_000, async () => {
    (await world.storeMark())(); // persist may have met the limit too
    await world.idle();
    for (const interval of INTERVALS) await world.page(interval);
    await expectTrue([]);
    return world.answers.every((why) => why === null);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

async function listens(port: number): Promise<boolean> {
  const { connect } = await import("node:net");
  return await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
    socket.on("error", () => resolve(false));
  });
}
