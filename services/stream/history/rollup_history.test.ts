import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import type { Candle } from "#core/candle.ts";
import type { Decimal } from "#core/decimal.ts";
import { foldOnto } from "#core/fold.ts";
import { bucketEndMs, bucketStartMs, type Interval, INTERVALS } from "#core/interval.ts";
import { market } from "#core/market.ts";
import { newer, rollupRevision } from "#core/revision.ts";
import { type FreshDatabase, freshDatabase } from "../../../sql/testing/fresh_database.ts";
import {
  clear,
  drainAt,
  makeDays,
  type TestSecond,
  writeMark,
  writeSeconds,
} from "../../../sql/testing/history.ts";
import { type ReadPage, readPage } from "../testing/pages.ts";
import type { CandleRequest } from "./candle_request.ts";
import { History } from "./history.ts";
import { rollupsOf } from "./rollup_rows.ts";

const BTC = market("KRW-BTC");
const ROLLUPS = INTERVALS.filter((interval) => interval !== "1s");
/** The last minutes of a month that is not the last of a week. */
const START_MS = Date.UTC(2024, 4, 31, 23, 50);

let fresh: FreshDatabase;
let owner: Database;
let history: History;

beforeAll(async () => {
  fresh = await freshDatabase();
  owner = fresh.as("stofka_owner", 3);
  history = new History(fresh.as("stofka_stream", 4), { answerMsMax: 20_000, requestsMax: 100 });
  await makeDays(owner, ["2024-05-31", "2024-06-01"]);
});
afterAll(() => fresh.drop());
beforeEach(() => clear(owner));

const iso = (ms: number): string => new Date(ms).toISOString();

function second(offsetS: number, price: number, units: number, more: Partial<TestSecond> = {}) {
  return {
    market: BTC,
    at: iso(START_MS + offsetS * 1_000),
    price: String(price),
    volume: `0.${String(units).padStart(8, "0")}`,
    turnover: String(units),
    ...more,
  };
}

async function page(interval: Interval, more: Partial<CandleRequest> = {}): Promise<ReadPage> {
  return readPage(
    await history.page({ market: BTC, interval, toMs: null, count: 2_000, ...more }),
  );
}

/** Volume in units of 0.00000001, another way than the fold's. */
const unitsOf = (volume: Decimal): number => Math.round(Number(volume) * 1e8);

describe("a forming candle is the fold of every stored second", () => {
  test("in the seconds after a minute's end, before and after the drain has folded it", async () => {
    const close = async (interval: Interval) => {
      const { columns } = await page(interval);
      return [columns.close.at(-1), columns.turnover.at(-1), columns.closed.at(-1)];
    };
    await writeSeconds(owner, [second(0, 10, 1), second(59, 11, 2)]);
    expect(await close("1m")).toEqual(["11", "3", false]);
    expect(await close("1h")).toEqual(["11", "3", false]);
    await drainAt(owner, iso(START_MS + 91_000));
    expect(await close("1m")).toEqual(["11", "3", true]);
    expect(await close("1h")).toEqual(["11", "3", false]);
    // the next minute has ended, and nobody has folded it
    await writeSeconds(owner, [second(60, 12, 4), second(119, 13, 8)]);
    expect(await close("1h")).toEqual(["13", "15", false]);
    await writeSeconds(owner, [second(120, 14, 16)]);
    const minutes = await page("1m");
    expect(minutes.columns.turnover).toEqual(["3", "12", "16"]);
    expect(minutes.columns.closed).toEqual([true, false, false]);
    expect(minutes.columns.until_ms.map((ms) => (ms - START_MS) / 1_000)).toEqual([60, 120, 121]);
    expect(await close("1h")).toEqual(["14", "31", false]);
    // only the last of the three is not folded yet
    await drainAt(owner, iso(START_MS + 151_000));
    expect(await close("1h")).toEqual(["14", "31", false]);
    expect(await close("1m")).toEqual(["14", "16", false]);
  });

  test("a tombstone counts as folded and is no row", async () => {
    await writeSeconds(owner, [second(1, 10, 1)]);
    await drainAt(owner, iso(START_MS + 91_000));
    await writeSeconds(owner, [second(1, 10, 1, { deleted: true, revision: 1 })]);
    await drainAt(owner, iso(START_MS + 92_000));
    expect((await page("1h")).columns.starts_at_ms).toEqual([]);
    await writeSeconds(owner, [second(61, 12, 4)]);
    const { columns, folded } = await page("1h");
    expect(columns).toMatchObject({ open: ["12"], turnover: ["4"], closed: [false] });
    expect(folded).toMatchObject({ since_ms: START_MS + 60_000, stored: { open: [] } });
    // the drain's next row is newer than what is shown, which the tombstone's revision is
    expect(newer(columns.revision[0]!, rollupRevision(0, 0))).toBe(true);
    await drainAt(owner, iso(START_MS + 151_000));
    expect(newer((await page("1h")).columns.revision[0]!, columns.revision[0]!)).toBe(true);
  });

  test(
    "with the drain at any point or standing still, for every interval, over a month's end",
    async () => {
      const step = fc.record({
        passS: fc.constantFrom(1, 20, 59, 60, 61, 200),
        trades: fc.array(
          fc.record({
            backS: fc.nat(70),
            price: fc.integer({ min: 1, max: 99 }),
            units: fc.integer({ min: 1, max: 9_999 }),
            deleted: fc.boolean(),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        drain: fc.boolean(),
        mark: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 1, maxLength: 8 }),
          async (steps) => {
            await clear(owner);
            const truth = new Map<number, TestSecond>();
            let nowS = 300;
            let drainedS = 0;
            let revision = 0;
            for (const { passS, trades, drain, mark } of steps) {
              nowS += passS;
              let late = false;
              for (const { backS, price, units, deleted } of trades) {
                const atS = nowS - backS;
                const written = second(atS, price, units, { deleted, revision: ++revision });
                await writeSeconds(owner, [written]);
                truth.set(atS, written);
                late ||= atS < drainedS;
              }
              if (mark) {
                const [since, until] = [iso(START_MS), iso(START_MS + nowS * 1_000)];
                await writeMark(owner, { session: "s", markets: [BTC], since, until });
              }
              // what is late is dirty until the drain comes; all else is exact at any time
              if (drain || late) {
                await drainAt(owner, iso(START_MS + nowS * 1_000));
                drainedS = nowS;
              }
              for (const interval of ROLLUPS) {
                expectRecomputed(interval, await page(interval), [...truth.values()]);
              }
            }
          },
        ),
        { numRuns: 12 },
      );
    },
    240_000,
  );
});

/** Compares a page with sums over all seconds, made of plain integers. */
function expectRecomputed(interval: Interval, read: ReadPage, seconds: readonly TestSecond[]) {
  const buckets = new Map<number, TestSecond[]>();
  const alive = seconds.filter(({ deleted }) => deleted !== true)
    .sort((a, b) => a.at < b.at ? -1 : 1);
  for (const one of alive) {
    const startMs = bucketStartMs(interval, Date.parse(one.at));
    buckets.set(startMs, [...(buckets.get(startMs) ?? []), one]);
  }
  const expected = [...buckets].sort(([a], [b]) => a - b).map(([startMs, within]) => {
    const prices = within.map(({ price }) => Number(price));
    const units = within.reduce((sum, { turnover }) => sum + Number(turnover), 0);
    return {
      startMs,
      open: prices[0],
      high: Math.max(...prices),
      low: Math.min(...prices),
      close: prices.at(-1),
      volume: units,
      turnover: units,
      tick: Math.max(...within.map(({ at, revision }) => Date.parse(at) + 900 + (revision ?? 0))),
    };
  });
  const { columns } = read;
  expect(
    columns.starts_at_ms.map((startMs, at) => ({
      startMs,
      open: Number(columns.open[at]),
      high: Number(columns.high[at]),
      low: Number(columns.low[at]),
      close: Number(columns.close[at]),
      volume: unitsOf(columns.volume[at]!),
      turnover: Number(columns.turnover[at]),
      tick: columns.last_tick_at_ms[at],
    })),
    interval,
  ).toEqual(expected);
  for (const [at, closed] of columns.closed.entries()) {
    const endMs = bucketEndMs(interval, columns.starts_at_ms[at]!);
    if (closed) expect(columns.until_ms[at]).toBe(endMs);
    else expect(columns.until_ms[at]).toBeLessThanOrEqual(endMs);
  }
  expectFoldable(interval, read);
}

/** A reader that folds the parts itself comes to the page's last rows. */
function expectFoldable(interval: Interval, { columns, folded }: ReadPage) {
  const candles = (from: typeof columns | NonNullable<typeof folded>["parts"]): Candle[] =>
    from.starts_at_ms.map((startsAtMs, at) => ({
      market: BTC,
      interval: "interval" in from ? from.interval[at]! : interval,
      startsAtMs,
      open: from.open[at]!,
      high: from.high[at]!,
      low: from.low[at]!,
      close: from.close[at]!,
      volume: from.volume[at]!,
      turnover: from.turnover[at]!,
      lastTickAtMs: from.last_tick_at_ms[at]!,
    }));
  const { stored, parts, since_ms } = folded!;
  const [row] = candles(stored);
  const forming = foldOnto(
    interval,
    row === undefined ? null : { ...row, untilMs: since_ms },
    candles(parts),
  );
  const shown = candles(columns).slice(columns.starts_at_ms.length - forming.length);
  expect(shown).toEqual(forming.map(({ untilMs: _, ...candle }) => candle));
}

test("a request that races the drain sees each second once", async () => {
  const total = 400;
  let acknowledged = 0;
  let begun = 0;
  let done = false;
  const write = async () => {
    for (let at = 0; at < total; at += 4) {
      begun = at + 4;
      await writeSeconds(owner, [0, 1, 2, 3].map((more) => second(at + more, 10, 1)));
      acknowledged = begun;
    }
    done = true;
  };
  const drain = async () => {
    while (!done) {
      await owner`SELECT rollup_round(${iso(START_MS + acknowledged * 1_000 + 30_000)}, 100)`;
    }
  };
  const counts: number[] = [];
  const read = async () => {
    while (!done) {
      const least = acknowledged;
      const { columns } = await page("1h");
      const seen = columns.turnover.map(Number).reduce((a, b) => a + b, 0);
      expect(seen).toBeGreaterThanOrEqual(least);
      expect(seen).toBeLessThanOrEqual(begun);
      counts.push(seen);
    }
  };
  await Promise.all([write(), drain(), read(), read()]);
  expect(new Set(counts).size).toBeGreaterThan(10);
});

describe("pages", () => {
  test("page back through all there is, a forming candle among the first", async () => {
    const seconds = Array.from({ length: 40 }, (_, at) => second(at * 30, 10 + at, at + 1));
    await writeSeconds(owner, seconds);
    await drainAt(owner, iso(START_MS + 500_000));
    const whole = (await page("1m")).columns;
    expect(whole.starts_at_ms).toHaveLength(20);
    const paged: number[] = [];
    let toMs: number | null = null;
    for (let more = true; more;) {
      const read: ReadPage = await page("1m", { toMs, count: 7 });
      expect(read.columns.starts_at_ms.length).toBeLessThanOrEqual(7);
      paged.unshift(...read.columns.starts_at_ms);
      toMs = read.columns.starts_at_ms[0]!;
      more = read.more;
    }
    expect(paged).toEqual(whole.starts_at_ms);
  });

  test("by `to`, a bucket is whole or absent, stored or not", async () => {
    await writeSeconds(owner, [second(10, 10, 1), second(70, 11, 2), second(100, 12, 4)]);
    const at = async (toS: number) => {
      const { columns, folded } = await page("1m", { toMs: START_MS + toS * 1_000 });
      expect(folded).toBeUndefined();
      return columns.turnover;
    };
    for (const drained of [false, true]) {
      if (drained) await drainAt(owner, iso(START_MS + 600_000));
      expect(await at(0)).toEqual([]);
      expect(await at(60)).toEqual(["1"]);
      // second 100 lies behind `to`, its minute begins before it
      expect(await at(61)).toEqual(["1", "6"]);
    }
  });

  test("complete says whether what is over of the bucket was seen", async () => {
    const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
    const dayMs = bucketStartMs("1d", nowMs);
    const minuteMs = bucketStartMs("1m", nowMs - 120_000);
    await makeDays(owner, [iso(dayMs - 86_400_000).slice(0, 10), iso(dayMs).slice(0, 10)]);
    const at = (ms: number) => ({ market: BTC, at: iso(ms), price: "1" });
    await writeSeconds(owner, [at(minuteMs + 1_000), at(nowMs - 1_000)]);
    const complete = async (interval: Interval) => (await page(interval)).columns.complete;
    expect((await complete("1m")).at(-1)).toBe(false);
    const mark = { session: "s", markets: [BTC], since: iso(minuteMs - 60_000) };
    await writeMark(owner, { ...mark, until: iso(nowMs) });
    expect(await complete("1m")).toEqual([true, true]);
    // the month began before we looked
    expect(await complete("1mo")).toEqual([false]);
    await drainAt(owner, iso(nowMs));
    expect(await complete("1m")).toEqual([true, true]);
    expect((await page("1m")).columns.closed).toEqual([true, false]);
    // a session that ended counts 5 s less
    await writeMark(owner, { ...mark, until: iso(nowMs), ended: true });
    expect((await complete("1m")).at(-1)).toBe(false);
  });
});

test("with 400 days of seconds a page is read from the newest", async () => {
  const many = await freshDatabase();
  try {
    const owner = many.as("stofka_owner");
    await owner`SELECT ensure_seconds_day(day::date)
      FROM generate_series('2023-05-01'::date, '2024-05-31'::date, interval '1 day') AS day`;
    const at = (offsetS: number) => second(offsetS, 10, 1);
    await writeSeconds(owner, [at(1), at(62)]);
    await drainAt(owner, iso(START_MS + 95_000));
    const plans = many.as("stofka_stream", 1);
    await plans`SET plan_cache_mode = force_custom_plan`;
    const request = { market: BTC, interval: "1h", toMs: null, count: 200 } as const;
    // a transaction holds a lock on each table and index that its plans name
    const locked = await plans.begin(async (transaction) => {
      const rows = await rollupsOf(transaction as unknown as Database, request);
      expect(rows.parts.turnover).toBe("1");
      return await transaction`SELECT count(*)::int AS count FROM pg_locks
        WHERE pid = pg_backend_pid() AND relation::regclass::text LIKE 'market_candle_1s_2%'`;
    });
    expect(locked[0]!["count"]).toBe(2);
  } finally {
    await many.drop();
  }
});

test("1,000 requests at a time for the same are one question to the database", async () => {
  await writeSeconds(owner, [second(1, 10, 1)]);
  let asked = 0;
  const counting = new Proxy(fresh.as("stofka_stream", 4), {
    apply: (target, self, args: [TemplateStringsArray, ...unknown[]]) => {
      if (Array.isArray(args[0]) && args[0].join("").includes("FROM feed")) asked++;
      return Reflect.apply(target, self, args);
    },
  });
  const cold = new History(counting, { answerMsMax: 20_000, requestsMax: 100 });
  const request = { market: BTC, interval: "1h", toMs: null, count: 200 } as const;
  const pages = await Promise.all(Array.from({ length: 1_000 }, () => cold.page(request)));
  expect(asked).toBe(1);
  expect(new Set(pages).size).toBe(1);
});
