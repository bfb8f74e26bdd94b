import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import { market } from "#core/market.ts";
import { type FreshDatabase, freshDatabase, SQL_FOLDER } from "../../sql/testing/fresh_database.ts";
import { migrate, readMigrations } from "../../sql/migrator.ts";
import { History, type Stored } from "./history.ts";
import { sweep } from "./housekeeping.ts";
import { whileAway } from "./retry.ts";
import { SecondDays } from "./second_days.ts";
import {
  listingRecord,
  markRecord,
  record,
  secondRecord,
  type SecondSpec,
  START_MS,
  workOf,
} from "./testing/records.ts";
import { mergeWork, NO_WORK, type Work } from "./work.ts";

let fresh: FreshDatabase;
let owner: Database;
let persist: Database;
let history: History;
beforeAll(async () => {
  fresh = await freshDatabase();
  owner = fresh.as("stofka_owner");
  persist = fresh.as("stofka_persist");
  history = new History(persist, new SecondDays(persist));
});
afterAll(() => fresh.drop());
beforeEach(async () => {
  await owner`TRUNCATE market_candle_1s, candle_dirty, coverage_session, coverage_hole, feed, market`;
});

const store = (...specs: readonly SecondSpec[]): Promise<Stored> =>
  history.store(mergeWork(specs.map((spec) => workOf("second", secondRecord(spec)))));

async function rows(): Promise<readonly Record<string, unknown>[]> {
  return [
    ...await persist`
      SELECT market, extract(epoch FROM starts_at)::float8 - ${START_MS / 1_000}::float8 AS at,
        volume::text, revisions, origin::text FROM market_candle_1s ORDER BY market, starts_at`,
  ];
}

async function dirty(): Promise<readonly string[]> {
  const found = await persist`
    SELECT interval || ' ' || market || ' ' || extract(epoch FROM starts_at)::float8 - ${
    START_MS / 1_000
  }::float8 AS bucket FROM candle_dirty ORDER BY 1`;
  return found.map((row) => row["bucket"] as string);
}

describe("seconds", () => {
  test("a newer revision replaces, an equal one and an older one change nothing and make nothing dirty", async () => {
    expect(await store({ volume: "2" })).toMatchObject({
      effective: 1,
      revised: 0,
      equal: 0,
      older: 0,
    });
    expect(await dirty()).toEqual(["1m KRW-BTC 0"]);
    expect(await store({ volume: "2.000" }, { volume: "7", at: 61 })).toMatchObject({
      effective: 1,
      equal: 1,
      older: 0,
    });
    expect(await store({ volume: "1" })).toMatchObject({ effective: 0, equal: 0, older: 1 });
    expect(await dirty()).toEqual(["1m KRW-BTC 0", "1m KRW-BTC 60"]);
    // a later tick wins although its volume is smaller: revisions are ordered, values are not
    expect(await store({ volume: "0.5", tickMs: 900 })).toMatchObject({ effective: 1, revised: 1 });
    expect(await rows()).toEqual([
      { market: "KRW-BTC", at: 0, volume: "0.5", revisions: 1, origin: "websocket" },
      { market: "KRW-BTC", at: 61, volume: "7", revisions: 0, origin: "websocket" },
    ]);
    expect(await dirty()).toHaveLength(3);
  });

  test("a transaction's seconds of one minute make it dirty once", async () => {
    await store({ at: 0 }, { at: 1 }, { at: 59 }, { at: 60 });
    expect(await dirty()).toEqual(["1m KRW-BTC 0", "1m KRW-BTC 60"]);
  });

  test("any order and grouping of the same revisions ends in the same rows", async () => {
    const spec = fc.record({
      at: fc.integer({ min: 0, max: 2 }),
      volume: fc.constantFrom("1", "2", "10"),
      tickMs: fc.integer({ min: 0, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(spec, { minLength: 1, maxLength: 8 }),
        fc.infiniteStream(fc.nat({ max: 3 })),
        async (specs, cuts) => {
          await owner`TRUNCATE market_candle_1s, candle_dirty`;
          await store(...specs);
          const values = (list: readonly Record<string, unknown>[]) =>
            list.map(({ at, volume }) => [at, volume]);
          const expected = values(await rows());
          await owner`TRUNCATE market_candle_1s`;
          const rest = [...specs].reverse();
          while (rest.length > 0) await store(...rest.splice(0, 1 + (cuts.next().value ?? 0)));
          expect(values(await rows())).toEqual(expected);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("the row's columns and the event have the same revision", async () => {
    const work = workOf("second", secondRecord({ volume: "12.5", tickMs: 1_400 }));
    await history.store(mergeWork([work]));
    const [row] = await persist`
      SELECT correction_ms, (extract(epoch FROM last_tick_at) * 1000)::bigint AS tick FROM market_candle_1s`;
    expect(row).toEqual({ correction_ms: "0", tick: String(work.seconds[0]!.event.lastTickAtMs) });
  });

  test("times are stored to the millisecond and no microsecond beside it, of any day that is taken", async () => {
    const day = fc.integer({ min: Date.UTC(2017, 0, 1) / 86_400_000, max: 40_000 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 86_399 }), { minLength: 100, maxLength: 200 }),
        fc.nat({ max: 1_999 }),
        day,
        async (seconds, tickMs, day) => {
          await owner`TRUNCATE market_candle_1s, candle_dirty`;
          const at = day * 86_400 - START_MS / 1_000;
          const work = mergeWork(
            seconds.map((second) =>
              workOf(
                "second",
                secondRecord({ at: at + second, tickMs: (tickMs + second * 7) % 2_000 }),
              )
            ),
          );
          await history.store(work);
          const stored = await persist`
            SELECT (extract(epoch FROM starts_at) * 1000)::text AS starts,
              (extract(epoch FROM last_tick_at) * 1000)::text AS tick,
              (extract(epoch FROM received_at) * 1000)::text AS received
            FROM market_candle_1s ORDER BY starts_at`;
          const exact = (ms: number): string => `${ms}.000000`;
          expect([...stored]).toEqual(work.seconds.map(({ event }) => ({
            starts: exact(event.startsAtMs),
            tick: exact(event.lastTickAtMs),
            received: exact(event.receivedAtMs),
          })));
        },
      ),
      { numRuns: 10 },
    );
  });
});

describe("what is refused", () => {
  test("one bad row is named, all others are stored, its second is a hole, and its coverage stands", async () => {
    await owner.unsafe(`ALTER TABLE market_candle_1s ADD CONSTRAINT bad CHECK (volume <> 666)`);
    try {
      const specs = Array.from(
        { length: 50 },
        (_, at) => ({ at, volume: at === 17 ? "666" : "1" }),
      );
      const work = mergeWork([
        ...specs.map((spec) => workOf("second", secondRecord(spec))),
        workOf("second", session("a", 0, 60)),
        workOf("listing", listingRecord("KRW-BTC", "비트코인")),
      ]);
      const stored = await history.store(work);
      expect(stored.effective).toBe(49);
      expect(stored.refusals.map(({ failure, hole }) => [failure.code, hole])).toEqual([
        ["postgres_refused", {
          market: "KRW-BTC",
          sinceMs: START_MS + 17_000,
          untilMs: START_MS + 18_000,
        }],
      ]);
      expect(await rows()).toHaveLength(49);
      const [counts] = await persist`
        SELECT (SELECT count(*) FROM coverage_hole)::int AS holes,
          (SELECT count(*) FROM coverage_session)::int AS sessions,
          (SELECT count(*) FROM market)::int AS markets`;
      expect(counts).toEqual({ holes: 1, sessions: 1, markets: 1 });
    } finally {
      await owner.unsafe(`ALTER TABLE market_candle_1s DROP CONSTRAINT bad`);
    }
  });

  test("a listing that jsonb cannot hold is refused alone", async () => {
    const bad = record(
      `{"market":"KRW-ETH","korean_name":"이더리움","english_name":"Ethereum","x":"\\u0000"}`,
      "KRW-ETH",
      { received_at: String(START_MS) },
      "market_listing",
    );
    const stored = await history.store(
      mergeWork([workOf("listing", bad, listingRecord("KRW-BTC", "비트코인"))]),
    );
    expect(stored.refusals.map(({ record }) => record.key)).toEqual(["KRW-ETH"]);
    const found = await persist`SELECT market FROM market`;
    expect(found.map((row) => row["market"])).toEqual(["KRW-BTC"]);
  });

  test("a second of a dropped day is too old and makes nothing dirty, also where another instance dropped it", async () => {
    await store({ at: 0 });
    await owner`TRUNCATE candle_dirty`;
    const dayAfterMs = START_MS + 86_400_000;
    await sweep(persist, dayAfterMs + 3_600_000 + 86_400_000, 1);
    const stored = await store({ at: 5 }, { at: 86_400 });
    expect(stored.refusals).toHaveLength(1);
    expect(stored.effective).toBe(1);
    expect(await dirty()).toEqual(["1m KRW-BTC 86400"]);
    // a batch of what waited in Kafka, of a day that was just known: as many refusals of the database would end the service
    await store({ at: 86_401 });
    await sweep(persist, dayAfterMs + 3_600_000 + 2 * 86_400_000, 1);
    const many = Array.from({ length: 150 }, (_, at) => ({ at: 86_400 + at }));
    const old = await store(...many, { at: 2 * 86_400 });
    expect(old.effective).toBe(1);
    expect(new Set(old.refusals.map(({ failure }) => failure.code))).toEqual(
      new Set(["second_too_old"]),
    );
    expect(old.refusals).toHaveLength(150);
    await owner`UPDATE retention SET kept_since = '-infinity'`;
    history = new History(persist, new SecondDays(persist));
  });
});

describe("coverage", () => {
  test("marks lengthen their session and move the feed on; an older or repeated mark changes nothing", async () => {
    const put = (...marks: ReturnType<typeof session>[]): Promise<Stored> =>
      history.store(mergeWork([workOf("second", ...marks)]));
    const state = async () => {
      const [row] = await persist`
        SELECT extract(epoch FROM until - since)::float8 AS length, ended, ended_by, cause,
          (SELECT extract(epoch FROM written_at)::float8 - ${
        START_MS / 1_000
      }::float8 FROM feed) AS known
        FROM coverage_session`;
      return row;
    };
    await put(session("a", 0, 10), session("a", 0, 11));
    expect(await state()).toEqual({
      length: 11,
      ended: false,
      ended_by: null,
      cause: "started",
      known: 11,
    });
    await put(session("a", 0, 10));
    expect(await state()).toMatchObject({ length: 11, known: 11 });
    await put(session("a", 0, 12, "silent"));
    await put(session("a", 0, 11));
    expect(await state()).toMatchObject({
      length: 12,
      ended: true,
      ended_by: "silent",
      cause: "started",
      known: 12,
    });
  });
});

describe("the database goes away", () => {
  test("its backends are killed at any moment: every second is stored once, none is refused", async () => {
    const stop = new AbortController();
    let retries = 0;
    let killed = false;
    const killer = (async () => {
      const admin = fresh.as(null, 1);
      for (let kill = 0; kill < 15; kill++) {
        await admin`
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid()`;
        await new Promise((resolve) => setTimeout(resolve, 13));
      }
      killed = true;
    })();
    let count = 0;
    for (; count < 40 || !killed; count++) {
      const at = count;
      const work: Work = mergeWork([workOf("second", secondRecord({ at }))]);
      const stored = await whileAway(() => history.store(work), {
        signal: stop.signal,
        chance: () => 0,
        onRetry: () => retries++,
      });
      expect(stored.refusals).toEqual([]);
    }
    await killer;
    expect(retries).toBeGreaterThan(0);
    const stored = await whileAway(rows, {
      signal: stop.signal,
      chance: () => 0,
      onRetry: () => {},
    });
    expect(stored).toHaveLength(count);
  });

  // The client learns array types when it connects: it once wrote those of a type that came later as plain text, and each
  // row was refused into the dead letter.
  test("persist connects before the schema is there: it waits, then stores", async () => {
    const empty = await freshDatabase(true);
    try {
      const early = empty.as("stofka_persist", 1);
      const earlyHistory = new History(early, new SecondDays(early));
      const work = mergeWork([workOf("second", secondRecord())]);
      await expect(earlyHistory.store(work)).rejects.toMatchObject({ code: "42883" });
      const stop = new AbortController();
      const waiting = whileAway(() => earlyHistory.store(work), {
        signal: stop.signal,
        chance: () => 0,
        onRetry: () => {},
      });
      await migrate(empty.as("stofka_owner", 1), await readMigrations(SQL_FOLDER));
      expect(await waiting).toMatchObject({ effective: 1, refusals: [] });
    } finally {
      await empty.drop();
    }
  });
});

describe("sweep()", () => {
  test("folds what lies dirty for an hour into one row each, and forgets dirty minutes that are no longer kept", async () => {
    for (let again = 0; again < 4; again++) await store({ at: again }, { at: 60 + again });
    const hourLaterMs = START_MS + 3_600_000 + 30_000;
    expect(await dirty()).toHaveLength(8);
    expect((await sweep(persist, hourLaterMs, 0)).dirtyRows).toBe(3);
    // minute 60 is not an hour old yet
    expect(await dirty()).toEqual(["1m KRW-BTC 0", ...Array(4).fill("1m KRW-BTC 60")]);
    expect((await sweep(persist, START_MS + 10 * 86_400_000, 7)).days).toBeGreaterThan(0);
    expect(await dirty()).toEqual([]);
    await owner`UPDATE retention SET kept_since = '-infinity'`;
    history = new History(persist, new SecondDays(persist));
  });
});

function session(id: string, since: number, until: number, endedBy?: "silent") {
  return markRecord({
    writtenAtMs: START_MS + until * 1_000,
    link: endedBy === undefined ? "up" : "down",
    cause: endedBy ?? "started",
    session: {
      id,
      markets: [market("KRW-BTC")],
      sinceMs: START_MS + since * 1_000,
      untilMs: START_MS + until * 1_000,
      ended: endedBy !== undefined,
    },
  });
}

test("nothing to store is no transaction's failure", async () => {
  expect(await history.store(NO_WORK)).toEqual({
    effective: 0,
    revised: 0,
    equal: 0,
    older: 0,
    refusals: [],
  });
});
