import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createLog } from "#adapters/log.ts";
import { type Redis, redisClient } from "#adapters/redis.ts";
import { decodeCandleEvent } from "#core/event/candle_event.ts";
import { market } from "#core/market.ts";
import { redisKeys, SECONDS_CACHED_MAX } from "#core/redis_keys.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";
import { Latest } from "./latest.ts";
import { PUT_NEWEST } from "./latest_scripts.ts";
import { type CutProxy, cutProxy } from "./testing/cut_proxy.ts";
import {
  listingRecord,
  secondRecord,
  type SecondSpec,
  START_MS,
  tickerRecord,
  workOf,
} from "./testing/records.ts";
import type { Work } from "./work.ts";

const log = createLog("test", "error");
const keys = redisKeys(freshNamespace());
const BTC = market("KRW-BTC");
const address = new URL(testServers().redis);
let reader: Redis;
let proxy: CutProxy;
let writer: Redis;
let latest: Latest;
let stop: AbortController;
let running: Promise<void>;
let failures: string[];

beforeAll(async () => {
  proxy = await cutProxy(address.hostname, Number(address.port));
  const through = Object.assign(new URL(address), { port: String(proxy.port) });
  reader = redisClient(
    { url: address.href, connectionName: "test", commandTimeoutMs: 10_000 },
    log,
  );
  writer = redisClient({ url: through.href, connectionName: "test", commandTimeoutMs: 500 }, log);
  await Promise.all(
    [reader, writer].map((redis) => new Promise((resolve) => redis.once("ready", resolve))),
  );
});

async function clean(): Promise<void> {
  await reader.unlink(
    keys.tickers,
    keys.candles,
    keys.listings,
    keys.seconds(BTC),
    keys.seconds(market("KRW-ETH")),
  );
}

beforeEach(async () => {
  await clean();
  failures = [];
  stop = new AbortController();
  latest = new Latest({
    redis: writer,
    keys,
    chance: () => 0,
    observe: { wrote: () => {}, failed: (reason) => failures.push(reason), returned: () => {} },
  });
  running = latest.run(stop.signal);
  return async () => {
    stop.abort();
    await running;
  };
});

afterAll(async () => {
  await clean();
  reader.disconnect();
  writer.disconnect();
  await proxy.close();
});

const seconds = (...specs: readonly SecondSpec[]): Work =>
  workOf("second", ...specs.map(secondRecord));

/** The cached seconds as [second, volume] pairs, oldest first. */
async function cached(name = BTC): Promise<readonly (readonly [number, string])[]> {
  const members = await reader.zrange(keys.seconds(name), "0", "-1");
  return members.map((member) => {
    const event = decodeCandleEvent(member.slice(member.indexOf(" ") + 1));
    expect(member.slice(0, member.indexOf(" "))).toBe(event.revision);
    return [(event.startsAtMs - START_MS) / 1_000, event.volume] as const;
  });
}

async function latestVolume(): Promise<string> {
  const value = await reader.hget(keys.candles, BTC);
  return decodeCandleEvent(value!.slice(value!.indexOf(" ") + 1)).volume;
}

describe("never backwards", () => {
  test("any order of the same states, in any number of writes, ends in the newest of each", async () => {
    const spec = fc.record({
      at: fc.integer({ min: 0, max: 4 }),
      volume: fc.constantFrom("1", "2", "10", "9.5"),
      tickMs: fc.integer({ min: 0, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(spec, { minLength: 1, maxLength: 20 }), async (specs) => {
        await clean();
        await latest.put(seconds(...specs));
        const expected = [await cached(), await latestVolume()];
        await clean();
        for (const spec of [...specs].reverse()) await latest.put(seconds(spec));
        expect([await cached(), await latestVolume()]).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });

  test("the script's order is the byte order of revisions, which is not a locale's", async () => {
    const revision = fc.stringMatching(/^[0-9a-z]{1,6}$/);
    await fc.assert(
      fc.asyncProperty(fc.tuple(revision, revision), async ([a, b]) => {
        await reader.hset(keys.tickers, BTC, `${a} held`);
        const written = await reader.call("EVAL", PUT_NEWEST, "1", keys.tickers, BTC, `${b} come`);
        expect(written).toBe(b > a ? 1 : 0);
      }),
      { numRuns: 200 },
    );
  });

  test("the latest candle is the one of the latest second, whatever a late one's revision", async () => {
    await latest.put(seconds({ at: 10, volume: "3" }));
    await latest.put(seconds({ at: 9, volume: "5", tickMs: 60_000 }));
    expect(await latestVolume()).toBe("3");
    expect(await cached()).toEqual([[9, "5"], [10, "3"]]);
  });
});

test("the previous close changes at 09:00 in Korea, 00:00 UTC, and a late ticker of yesterday does not bring the old one back", async () => {
  const previousClose = async (): Promise<string> =>
    /"prev_closing_price":([\d.]+)/.exec((await reader.hget(keys.tickers, BTC))!)![1]!;
  // the day's volume starts over: the revision must not depend on it alone
  const yesterday = tickerRecord("KRW-BTC", "100.00000000", START_MS - 1, "98765.5");
  const today = tickerRecord("KRW-BTC", "101.50000000", START_MS + 40, "0.1");
  await latest.put(workOf("ticker", yesterday));
  expect(await previousClose()).toBe("100.00000000");
  await latest.put(workOf("ticker", today));
  expect(await previousClose()).toBe("101.50000000");
  await latest.put(workOf("ticker", yesterday));
  expect(await previousClose()).toBe("101.50000000");
});

test("listings appear and vanish", async () => {
  await latest.put(workOf("listing", listingRecord("KRW-BTC", "비트코인")));
  expect(await reader.hget(keys.listings, BTC)).toContain("비트코인");
  await latest.put(workOf("listing", listingRecord("KRW-BTC", null)));
  expect(await reader.hget(keys.listings, BTC)).toBeNull();
});

test("a market keeps its newest 3,600 seconds; an older one does not displace them", async () => {
  await latest.put(
    seconds(...Array.from({ length: SECONDS_CACHED_MAX + 100 }, (_, at) => ({ at: at + 1 }))),
  );
  await latest.put(seconds({ at: 0 }));
  const held = await cached();
  expect(held).toHaveLength(SECONDS_CACHED_MAX);
  expect([held[0]![0], held.at(-1)![0]]).toEqual([101, SECONDS_CACHED_MAX + 100]);
});

describe("Redis away", () => {
  test("a put returns soon and is remembered: latest states are written on its return, sets that miss a second begin anew", async () => {
    await latest.put(seconds({ at: 0 }, { at: 0, market: "KRW-ETH" }));
    proxy.cut();
    const startedAt = performance.now();
    for (let at = 1; at <= 200; at++) await latest.put(seconds({ at, volume: String(at) }));
    await latest.put(workOf("ticker", tickerRecord("KRW-BTC", "100", START_MS, "1")));
    expect(performance.now() - startedAt).toBeLessThan(20_000); // half a second for each would be 100 s
    expect(failures.length).toBeGreaterThan(0);
    expect(latest.away).toBe(true);
    expect([latest.pending, latest.staleMarkets]).toEqual([2, 1]);
    proxy.mend();
    await expect.poll(() => latest.away).toBe(false);
    expect(await latestVolume()).toBe("200");
    expect(await reader.hexists(keys.tickers, BTC)).toBe(1);
    // the set of the market that missed 200 seconds is gone, the other one's stands
    expect(await cached()).toEqual([]);
    expect(await cached(market("KRW-ETH"))).toHaveLength(1);
    await latest.put(seconds({ at: 201 }));
    expect(await cached()).toEqual([[201, "0.00606119"]]);
    expect(latest.staleMarkets).toBe(0);
  });

  test("a stop while it is away does not hang", async () => {
    proxy.cut();
    await latest.put(seconds({ at: 1 }));
    stop.abort();
    await running;
    proxy.mend();
    await expect.poll(() => writer.status).toBe("ready");
  });
});
