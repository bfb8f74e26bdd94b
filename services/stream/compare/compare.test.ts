import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import type { Candle } from "#core/candle.ts";
import {
  compareCounts,
  type ComparePage,
  compareShare,
  encodeCompareCsv,
} from "#core/compare_page.ts";
import { decimal } from "#core/decimal.ts";
import { bucketStartMs, type Interval } from "#core/interval.ts";
import { market } from "#core/market.ts";
import { type FreshDatabase, freshDatabase } from "../../../sql/testing/fresh_database.ts";
import { clear, drainAt, writeMark, writeSeconds } from "../../../sql/testing/history.ts";
import { storeAnswers } from "../../persist/answers/store_answers.ts";
import { SecondDays } from "../../persist/second_days.ts";
import { Compare } from "./compare.ts";

/** Both rows of each bucket from a real database: what agrees, what differs, and what cannot be told. */

const BTC = market("KRW-BTC");
const MINUTE = 60_000;
/** Long enough ago that all is settled. */
const T = bucketStartMs("1h", Date.now()) - 6 * 3_600_000;
const ASKED = T + 3_600_000;
const iso = (ms: number): string => new Date(ms).toISOString();

let fresh: FreshDatabase;
let sql: Database;
let persist: Database;
let stream: Database;
let compare: Compare;

beforeAll(async () => {
  fresh = await freshDatabase();
  sql = fresh.as("stofka_owner");
  persist = fresh.as("stofka_persist");
  stream = fresh.as("stofka_stream", 1);
  // as its role is set up
  await stream`SET default_transaction_read_only = on`;
  compare = new Compare(stream);
  await new SecondDays(persist).ensureDays([T, T - 86_400_000]);
  await sql`INSERT INTO market (market, korean_name, english_name, listing, first_seen_at, last_seen_at)
    VALUES (${BTC}, '비트코인', 'Bitcoin', '{}', now(), now())`;
});
afterAll(() => fresh.drop());
beforeEach(async () => {
  await clear(sql);
  await sql`TRUNCATE parity_compared, parity_hour, parity_difference, parity_again`;
  await sql`DELETE FROM exchange_wish`;
});

const page = (
  interval: Interval,
  sinceMs = T,
  untilMs = T + 10 * MINUTE,
): Promise<ComparePage> => compare.page({ market: BTC, interval, sinceMs, untilMs, cut: false });

const verdicts = ({ buckets, interval }: ComparePage): Record<number, string> =>
  Object.fromEntries(
    buckets.map((
      one,
    ) => [(one.startsAtMs - T) / (interval === "1s" ? 1_000 : MINUTE), one.verdict]),
  );

function candle(
  interval: Interval,
  offsetMs: number,
  price: string,
  change: { volume?: string; turnover?: string } = {},
): Candle {
  const one = decimal(price);
  return {
    market: BTC,
    interval,
    startsAtMs: T + offsetMs,
    open: one,
    high: one,
    low: one,
    close: one,
    volume: decimal(change.volume ?? "1"),
    turnover: decimal(change.turnover ?? price),
    lastTickAtMs: T + offsetMs + 900,
  };
}

/** One second in each of the minutes, the price its number: 1 is traded for the price. */
const received = (minutes: readonly number[], turnover?: string) =>
  writeSeconds(
    sql,
    minutes.map((minute) => ({
      market: BTC,
      at: iso(T + minute * MINUTE),
      price: String(100 + minute),
      turnover: turnover ?? String(100 + minute),
    })),
  );
const saw = (fromMs: number, toMs: number) =>
  writeMark(sql, {
    session: "live",
    markets: [BTC],
    since: iso(fromMs),
    until: iso(toMs),
    ended: true,
  });
const answered = (
  interval: Interval,
  rows: readonly Candle[],
  { since = T, until = T + 10 * MINUTE, asked = ASKED } = {},
) =>
  storeAnswers(persist, [{
    market: BTC,
    interval,
    sinceMs: since,
    untilMs: until,
    fetchedAtMs: asked,
    rows,
  }]);

describe("minutes", () => {
  test("each verdict is told of both rows, and the share of those that have one", async () => {
    await received([0, 1, 3]);
    await received([4], "0.30000000000000001");
    await saw(T - MINUTE, ASKED);
    await drainAt(sql, iso(ASKED));

    const before = await page("1m");
    expect(verdicts(before)).toEqual({
      0: "not_fetched",
      1: "not_fetched",
      3: "not_fetched",
      4: "not_fetched",
    });
    expect(before.notFetched).toEqual([{ sinceMs: T, untilMs: T + 10 * MINUTE }]);
    expect(compareShare(compareCounts(before.buckets))).toBeNull();

    await answered("1m", [
      candle("1m", 0, "100"),
      candle("1m", MINUTE, "101", { volume: "1.5" }),
      candle("1m", 2 * MINUTE, "102"),
      candle("1m", 4 * MINUTE, "104", { turnover: "0.3" }),
    ]);
    await drainAt(sql, iso(ASKED));
    const after = await page("1m");
    expect(verdicts(after)).toEqual({
      0: "match",
      1: "differ",
      2: "missing_here",
      3: "missing_there",
      4: "match_rounded",
    });
    expect(after.notFetched).toEqual([]);
    expect(compareShare(compareCounts(after.buckets))).toBe(2 / 5);
    expect(after.buckets[1]).toMatchObject({
      ours: { volume: "1" },
      theirs: { volume: "1.5" },
      fetchedAtMs: ASKED,
    });
    const lines = encodeCompareCsv(after).split("\r\n");
    expect(lines[2]).toBe(
      `KRW-BTC,1m,${iso(T + MINUTE).replace(".000", "")},differ,${
        after.buckets[1]!.state ?? ""
      },volume,${iso(ASKED).replace(".000", "")},101,101,101,101,1.5,101,101,101,101,101,1,101,${
        after.buckets[1]!.reason === null ? "" : `"${after.buckets[1]!.reason}"`
      }`,
    );
  });

  test("what the exchange alone told us is taken, and counts for nothing", async () => {
    await answered("1m", [candle("1m", 0, "100")]);
    await drainAt(sql, iso(ASKED));
    const after = await page("1m");
    expect(verdicts(after)).toEqual({ 0: "taken" });
    expect(compareShare(compareCounts(after.buckets))).toBeNull();
  });

  test("a fold of seconds that the exchange gave us agrees with itself, and is taken; where it differs, that is said", async () => {
    await answered("1s", [candle("1s", 0, "100"), candle("1s", MINUTE, "101")]);
    await drainAt(sql, iso(ASKED));
    await answered("1m", [candle("1m", 0, "100"), candle("1m", MINUTE, "101", { volume: "9" })]);
    await drainAt(sql, iso(ASKED));
    const after = await page("1m");
    expect((await sql`SELECT DISTINCT source::text FROM market_candle WHERE interval = '1m'`)[0])
      .toEqual({ source: "folded" });
    expect(verdicts(after)).toEqual({ 0: "taken", 1: "differ" });
  });

  test("where we did not look, a candle of theirs is not missing here", async () => {
    await received([0, 5]);
    await saw(T + 3 * MINUTE, ASKED);
    await drainAt(sql, iso(ASKED));
    // not folded: as it stands between the answer and the drain, where nothing is told
    await answered("1m", [
      candle("1m", MINUTE, "101"),
      candle("1m", 5 * MINUTE, "105"),
      candle("1m", 6 * MINUTE, "106"),
    ]);
    expect(verdicts(await page("1m"))[1]).toBe("pending");
    await sql`DELETE FROM candle_dirty`;
    await sql`DELETE FROM coverage_inbox`;
    expect(verdicts(await page("1m"))).toEqual({
      0: "not_fetched",
      1: "incomplete",
      5: "match",
      6: "missing_here",
    });
  });

  test("a bucket that is not over is pending, whatever was answered", async () => {
    const sinceMs = bucketStartMs("1h", Date.now());
    await sql`INSERT INTO exchange_candle (starts_at, last_tick_at, fetched_at, interval, market, open, high, low, close, volume,
        turnover)
      VALUES (${iso(sinceMs)}::text::timestamptz, now(), now(), '1h', ${BTC}, 1, 1, 1, 1, 1, 1)`;
    const { buckets } = await page("1h", sinceMs, sinceMs + 3_600_000);
    expect(buckets.map(({ verdict }) => verdict)).toEqual(["pending"]);
  });
});

describe("seconds", () => {
  test("the ledger's differences keep both rows, what it found equal matches, back-filled ones are taken", async () => {
    await writeSeconds(
      sql,
      [0, 1, 2, 100].map((at) => ({
        market: BTC,
        at: iso(T + at * 1_000),
        price: String(100 + at),
      })),
    );
    await saw(T - MINUTE, T + MINUTE);
    await answered("1s", [
      candle("1s", 0, "100"),
      candle("1s", 1_000, "101", { volume: "7" }),
      // beyond of what the socket saw
      candle("1s", 70_000, "170"),
    ], { until: T + 90_000 });
    const after = await page("1s", T, T + 200_000);
    expect(verdicts(after)).toEqual({
      0: "match",
      1: "differ",
      2: "missing_there",
      70: "taken",
      100: "not_fetched",
    });
    expect(after.buckets[1]).toMatchObject({
      state: "open",
      ours: { volume: "1" },
      theirs: { volume: "7" },
    });
    expect(after.notFetched).toEqual([{ sinceMs: T + 90_000, untilMs: T + 200_000 }]);

    // a second equal answer corrects ours: what it was stays the difference
    await answered("1s", [candle("1s", 0, "100"), candle("1s", 1_000, "101", { volume: "7" })], {
      until: T + 55_000,
      asked: ASKED + 20_000,
    });
    expect((await page("1s", T, T + 200_000)).buckets[1]).toMatchObject({
      verdict: "differ",
      state: "corrected",
      ours: { volume: "1" },
      theirs: { volume: "7" },
    });
  });

  test("what is older than three months cannot be asked for, and is said", async () => {
    const sinceMs = bucketStartMs("1d", Date.now()) - 120 * 86_400_000;
    const old = await page("1s", sinceMs, sinceMs + MINUTE);
    expect(old.notFetched).toEqual([]);
    expect(old.givenSinceMs).toBeGreaterThan(sinceMs + 30 * 86_400_000);
    expect((await page("1m", sinceMs, sinceMs + MINUTE)).givenSinceMs).toBeNull();
  });
});

describe("a wish", () => {
  const wish = (sinceMs = T, untilMs = T + 10 * MINUTE, of = BTC) =>
    compare.wish({ market: of, interval: "1m", sinceMs, untilMs, cut: false });
  const stored = async () =>
    await sql`SELECT market, interval, since, until, reason FROM exchange_wish`;

  test("is written once, for what is not fetched alone, and asked for at once", async () => {
    await answered("1m", [], { until: T + 2 * MINUTE });
    expect(await wish()).toBe("wished");
    expect(await wish()).toBe("waiting");
    expect([...await stored()]).toEqual([{
      market: BTC,
      interval: "1m",
      since: new Date(T + 2 * MINUTE),
      until: new Date(T + 10 * MINUTE),
      reason: "compare",
    }]);
    expect((await page("1m")).wished).toBe(true);
    const [wanted] = await sql`SELECT * FROM parity_wanted(now(), 1, ARRAY[${BTC}])`;
    expect(wanted).toMatchObject({ interval: "1m", since: new Date(T + 2 * MINUTE) });
    await answered("1m", []);
    expect(await wish()).toBe("known");
    expect((await page("1m")).wished).toBe(false);
  });

  test("up to now holds what is not settled yet: a moment later it is the same wish", async () => {
    const untilMs = Math.floor(Date.now() / 1_000) * 1_000;
    const request = { market: BTC, interval: "1s", sinceMs: untilMs - MINUTE, untilMs } as const;
    expect(await compare.wish({ ...request, cut: false })).toBe("wished");
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    expect((await page("1s", untilMs - MINUTE, untilMs)).wished).toBe(true);
    expect(await compare.wish({ ...request, cut: false })).toBe("waiting");
  });

  test("beyond the twentieth that waits is refused; what is fulfilled makes room", async () => {
    for (let at = 0; at < 20; at++) {
      expect(await wish(T - at * 20 * MINUTE, T - at * 20 * MINUTE + MINUTE)).toBe("wished");
    }
    const oneMore = () => wish(T + 20 * MINUTE, T + 30 * MINUTE);
    await expect(oneMore()).rejects.toMatchObject({ code: "wishes_full" });
    await answered("1m", []);
    expect(await oneMore()).toBe("wished");
    expect(await stored()).toHaveLength(20);
  });

  test("of no market, of an endless stretch or by anybody else is refused", async () => {
    await expect(wish(T, T + MINUTE, market("KRW-NONE"))).rejects.toMatchObject({
      code: "market_unknown",
    });
    await expect(wish(T - 2_001 * MINUTE, T)).rejects.toThrow(/no wish/);
    await expect(
      stream.begin(
        "READ WRITE",
        (own) =>
          own`INSERT INTO exchange_wish (market, interval, since, until)
          VALUES (${BTC}, '1m', now(), now() + interval '1 m')`,
      ),
    ).rejects.toMatchObject({ code: "42501" });
    for (const role of ["stofka_repair", "stofka_persist"] as const) {
      await expect(
        fresh.as(role)`SELECT wish_for_compare(${BTC}, '1m', now() - interval '2 m', now())`,
      ).rejects.toMatchObject({ code: "42501" });
    }
    expect(await stored()).toHaveLength(0);
  });
});
