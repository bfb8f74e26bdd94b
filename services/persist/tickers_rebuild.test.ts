import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createLog } from "#adapters/log.ts";
import { type Redis, redisClient } from "#adapters/redis.ts";
import { sleep } from "#core/lifecycle.ts";
import { redisKeys, TICKERS_WHOLE } from "#core/redis_keys.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";
import { until } from "../../tests/until.ts";
import { Latest } from "./latest.ts";
import { START_MS, tickerRecord, workOf } from "./testing/records.ts";
import { TickersRebuild } from "./tickers_rebuild.ts";
import type { TickerWork } from "./work.ts";

const log = createLog("test", "error");
const keys = redisKeys(freshNamespace());
const NEWEST_MS = START_MS + 2_000;
const TOPIC = workOf(
  "ticker",
  tickerRecord("KRW-BTC", "100", NEWEST_MS, "2"),
  tickerRecord("KRW-BTC", "100", START_MS, "1"),
  tickerRecord("KRW-QUIET", "100", START_MS, "1"),
).tickers;
let redis: Redis;
let stop: AbortController;
let running: Promise<unknown>;
let rebuilt: number[];
/** Called after the topic's tickers were handed over, before the reading ends. */
let meanwhile: () => Promise<unknown>;

beforeAll(async () => {
  const url = testServers().redis;
  redis = redisClient({ url, connectionName: "test", commandTimeoutMs: 10_000 }, log);
  await new Promise((resolve) => redis.once("ready", resolve));
  return () => redis.disconnect();
});

const flush = () => redis.unlink(keys.tickers, keys.tickersState);

beforeEach(async () => {
  await flush();
  rebuilt = [];
  meanwhile = () => Promise.resolve();
  stop = new AbortController();
  const latest = new Latest({
    redis,
    keys,
    chance: () => 0,
    observe: { wrote: () => {}, failed: () => {}, returned: () => {} },
  });
  let tokens = 0;
  const rebuild = new TickersRebuild({
    redis,
    keys,
    latest,
    readTopic: async (take: (tickers: readonly TickerWork[]) => Promise<void>) => {
      await take(TOPIC);
      await meanwhile();
      return true;
    },
    token: () => `token-${tokens++}`,
    lookMs: 20,
    observe: { rebuilt: (tickers) => rebuilt.push(tickers), failed: () => {} },
  });
  running = Promise.all([latest.run(stop.signal), rebuild.run(stop.signal)]);
});

afterEach(async () => {
  stop.abort();
  await running;
  await flush();
});

const whole = async () => await redis.get(keys.tickersState) === TICKERS_WHOLE;

test("at its start every market's newest ticker is in Redis, whatever order they came in", async () => {
  await until("Redis is whole", 10_000, whole, { everyMs: 10 });
  const held = await redis.hgetall(keys.tickers);
  expect(Object.keys(held).sort()).toEqual(["KRW-BTC", "KRW-QUIET"]);
  expect(held["KRW-BTC"]).toContain(`"timestamp":${NEWEST_MS}`);
  expect(rebuilt).toEqual([3]);
});

test("what persist did not write before it died is written although Redis still says whole", async () => {
  await until("Redis is whole", 10_000, whole, { everyMs: 10 });
  stop.abort();
  await running;
  await redis.hdel(keys.tickers, "KRW-QUIET");
  expect(await whole()).toBe(true);
  stop = new AbortController();
  const again = new TickersRebuild({
    redis,
    keys,
    latest: {
      put: async ({ tickers }) =>
        void await redis.hset(keys.tickers, tickers[2]!.event.market, "r {}"),
      away: false,
    },
    readTopic: async (take) => {
      expect(await whole()).toBe(false);
      await take(TOPIC);
      return true;
    },
    token: () => "other",
    lookMs: 20,
    observe: { rebuilt: (tickers) => rebuilt.push(tickers), failed: () => {} },
  });
  running = again.run(stop.signal);
  await until("Redis is whole", 10_000, whole, { everyMs: 10 });
  expect(await redis.hexists(keys.tickers, "KRW-QUIET")).toBe(1);
});

test("a Redis that was emptied is filled again; emptied in the middle, it is not called whole", async () => {
  await until("Redis is whole", 10_000, whole, { everyMs: 10 });
  let flushes = 0;
  meanwhile = async () => {
    if (flushes++ === 0) await flush();
    await sleep(1, stop.signal);
  };
  await flush();
  await until("Redis is whole", 10_000, whole, { everyMs: 10 });
  expect(flushes).toBe(2);
  expect(await redis.hlen(keys.tickers)).toBe(2);
});
