import { Registry } from "prom-client";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import { type FreshDatabase, freshDatabase } from "../../sql/testing/fresh_database.ts";
import { FROM_MS, type GapWorld, storeWorld } from "../../sql/testing/gap_world.ts";
import { clear } from "../../sql/testing/history.ts";
import { GapGauge, gapSeconds, gapWatch } from "./gap_watch.ts";

let fresh: FreshDatabase;
let owner: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  owner = fresh.as("stofka_owner");
});
beforeEach(async () => {
  await clear(owner);
  await owner`DELETE FROM feed`;
});
afterAll(() => fresh.drop());

const DAY_S = 86_400;
const ms = (second: number): number => FROM_MS + second * 1_000;

/** Sessions of two markets, each ended by a cause; in seconds after FROM_MS. */
function world(sessions: readonly (readonly [number, number, string | null])[]): GapWorld {
  return {
    atMs: ms(0),
    sinceMs: 0,
    untilMs: 0,
    interval: "1s",
    sessions: sessions.map(([since, until, endedBy]) => ({
      partition: 0,
      markets: ["KRW-BTC", "KRW-ETH"],
      sinceMs: ms(since),
      untilMs: ms(until),
      writtenAtMs: ms(until),
      cause: "started",
      endedBy,
    })),
    feed: [{ partition: 0, writtenAtMs: ms(0), link: "up", cause: "started" }],
    holes: [],
    answers: [],
  };
}

test("seconds of every market are added up by cause, of seven days; what an answer closed is none", async () => {
  await storeWorld(owner, {
    ...world([
      [-9 * DAY_S, -8 * DAY_S, "silent"],
      [-8 * DAY_S + 600, -3_000, "stopped"],
      [-2_970, -1_000, "closed"],
      [-990, 0, null],
    ]),
    answers: [{ market: "KRW-ETH", interval: "1s", sinceMs: ms(-3_100), untilMs: ms(-2_900) }],
  });
  const found = await gapSeconds(fresh.as("stofka_persist"), ms(0));
  expect(
    Object.fromEntries(
      found.map(({ cause, permanent, seconds }) => [cause, { permanent, seconds }]),
    ),
  )
    .toEqual({
      // 30 s and 5 s at each end, of one market: the other one's was given by the exchange
      restart: { permanent: false, seconds: 40 },
      link_lost: { permanent: false, seconds: 2 * 20 },
    });
});

test("a gap that retention has passed is permanent", async () => {
  await storeWorld(owner, world([[-9_000, -3_000, "closed"], [-2_970, 0, null]]));
  await owner`UPDATE retention SET kept_since = ${
    new Date(ms(-2_980)).toISOString()
  }::text::timestamptz
    WHERE relation = 'market_candle_1s'`;
  const found = await gapSeconds(fresh.as("stofka_persist"), ms(0));
  expect(found.map(({ permanent, seconds }) => [permanent, seconds]).sort()).toEqual([
    [false, 2 * 15],
    [true, 2 * 25],
  ]);
  await owner`UPDATE retention SET kept_since = '-infinity' WHERE relation = 'market_candle_1s'`;
});

test("the gauge falls to 0 where a gap was closed, and says nothing while the database is away", async () => {
  const registry = new Registry();
  const away: string[] = [];
  const gauge = new GapGauge(registry);
  const values = async () =>
    [...(await registry.metrics()).matchAll(/^stofka_gap_seconds\{(.*)\} (\d+)$/gm)]
      .map(([, labels, value]) => [labels!.replaceAll('"', ""), Number(value)] as const);

  gauge.show([{ cause: "kafka_away", permanent: false, seconds: 7 }]);
  expect(new Map(await values()).get("cause=kafka_away,permanent=no")).toBe(7);
  gauge.show([]);
  expect((await values()).map(([, value]) => value)).toEqual(Array(18).fill(0));

  const stop = new AbortController();
  await gapWatch({
    database: (() => {
      stop.abort();
      return Promise.reject(Object.assign(new Error("gone"), { code: "ECONNREFUSED" }));
    }) as unknown as Database,
    gauge,
    nowMs: () => ms(0),
    onAway: (reason) => away.push(reason),
  }).run(stop.signal);
  expect(away).toHaveLength(1);
  expect(await values()).toEqual([]);
});
