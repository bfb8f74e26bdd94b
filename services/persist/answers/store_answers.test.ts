import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import type { Candle } from "#core/candle.ts";
import { decimal } from "#core/decimal.ts";
import type { ExchangeAnswer } from "#core/exchange_answer.ts";
import type { Interval } from "#core/interval.ts";
import { market } from "#core/market.ts";
import { type FreshDatabase, freshDatabase } from "../../../sql/testing/fresh_database.ts";
import { clear, writeMark } from "../../../sql/testing/history.ts";
import { SecondDays } from "../second_days.ts";
import { storeAnswers } from "./store_answers.ts";

const BTC = market("KRW-BTC");
const T = Date.parse("2026-11-18T15:00:00Z");
const HOUR = 3_600_000;

let fresh: FreshDatabase;
let sql: Database;
let persist: Database;

beforeAll(async () => {
  fresh = await freshDatabase();
  sql = fresh.as("stofka_owner");
  persist = fresh.as("stofka_persist");
  await new SecondDays(persist).ensureDays([T]);
});
afterAll(() => fresh.drop());
beforeEach(() => clear(sql));

function row(interval: Interval, startsAtMs: number, volume: string, tickMs = 500): Candle {
  const price = decimal("100");
  return {
    market: BTC,
    interval,
    startsAtMs,
    open: price,
    high: price,
    low: price,
    close: price,
    volume: decimal(volume),
    turnover: decimal(volume),
    lastTickAtMs: startsAtMs + tickMs,
  };
}

const answer = (
  interval: Interval,
  sinceMs: number,
  untilMs: number,
  rows: readonly Candle[],
  fetchedAtMs = untilMs + 60_000,
): ExchangeAnswer => ({ market: BTC, interval, sinceMs, untilMs, fetchedAtMs, rows });

const store = (...answers: readonly ExchangeAnswer[]) => storeAnswers(persist, answers);

const seconds = async () =>
  (await sql`SELECT starts_at, volume::text, origin::text, revisions FROM market_candle_1s ORDER BY starts_at`)
    .map(({ starts_at: at, volume, origin, revisions }) => [
      ((at as Date).getTime() - T) / 1_000,
      volume,
      origin,
      revisions,
    ]);
const candles = async () =>
  (await sql`SELECT volume::text, fetched_at FROM exchange_candle ORDER BY starts_at`)
    .map(({ volume, fetched_at: at }) => [volume, (at as Date).getTime() - T]);
const dirty = async () => {
  const rows = await sql`SELECT interval, starts_at FROM candle_dirty ORDER BY interval, starts_at`;
  await sql`DELETE FROM candle_dirty`;
  return rows.map(({ interval, starts_at: at }) => [
    interval,
    ((at as Date).getTime() - T) / 1_000,
  ]);
};
const covered = async () =>
  (await sql`SELECT interval, since, until FROM coverage_answer ORDER BY interval, since`)
    .map(({ interval, since, until }) => [
      interval,
      ((since as Date).getTime() - T) / 1_000,
      ((until as Date).getTime() - T) / 1_000,
    ]);

describe("seconds", () => {
  test("that are missing are stored with origin rest, their minutes dirty, what is between them covered", async () => {
    expect(
      await store(
        answer("1s", T, T + 100_000, [row("1s", T + 5_000, "1"), row("1s", T + 70_000, "2")]),
      ),
    ).toMatchObject({ seconds: 2, candles: 0, covered: 1 });
    expect(await seconds()).toEqual([[5, "1", "rest", 0], [70, "2", "rest", 0]]);
    expect(await dirty()).toEqual([["1m", 0], ["1m", 60]]);
    expect(await covered()).toEqual([["1s", 0, 100]]);
  });

  test("never lower what is newer, and the same again changes nothing", async () => {
    await store(answer("1s", T, T + 10_000, [row("1s", T + 5_000, "2", 900)]));
    await sql`UPDATE market_candle_1s SET origin = 'websocket'`;
    await dirty();
    const provisional = answer("1s", T, T + 10_000, [row("1s", T + 5_000, "1", 300)]);
    const same = answer("1s", T, T + 10_000, [row("1s", T + 5_000, "2", 900)]);
    expect(await store(provisional)).toMatchObject({ seconds: 0 });
    expect(await store(same)).toMatchObject({ seconds: 0 });
    expect(await seconds()).toEqual([[5, "2", "websocket", 0]]);
    expect(await dirty()).toEqual([]);
    const later = answer("1s", T, T + 10_000, [row("1s", T + 5_000, "3", 950)]);
    expect(await store(later)).toMatchObject({ seconds: 1 });
    expect(await seconds()).toEqual([[5, "3", "rest", 1]]);
  });

  test("of an answer younger than 10 s are stored and not covered", async () => {
    const rows = [row("1s", T + 5_000, "1"), row("1s", T + 55_000, "1")];
    await store(answer("1s", T, T + 60_000, rows, T + 60_000));
    expect(await seconds()).toHaveLength(2);
    expect(await covered()).toEqual([["1s", 0, 50]]);
  });

  test("from before they are kept are neither stored nor covered", async () => {
    await sql`UPDATE retention SET kept_since = ${
      new Date(T + 30_000).toISOString()
    }::text::timestamptz
      WHERE relation = 'market_candle_1s'`;
    await store(
      answer("1s", T, T + 60_000, [row("1s", T + 5_000, "1"), row("1s", T + 45_000, "1")]),
    );
    expect(await seconds()).toEqual([[45, "1", "rest", 0]]);
    expect(await covered()).toEqual([["1s", 30, 60]]);
  });
});

describe("longer candles", () => {
  test("the newest answer wins, whichever comes first; only what says something new is dirty", async () => {
    const at = (fetchedAtMs: number, volume: string) =>
      answer("1h", T, T + HOUR, [row("1h", T, volume)], fetchedAtMs);
    await store(at(T + HOUR + 20_000, "1"));
    expect(await dirty()).toEqual([["1h", 0]]);
    expect(await store(at(T + HOUR + 40_000, "1"))).toMatchObject({ candles: 0 });
    expect(await dirty()).toEqual([]);
    expect(await store(at(T + HOUR + 30_000, "9"))).toMatchObject({ candles: 0 });
    expect(await candles()).toEqual([["1", HOUR + 40_000]]);
    expect(await store(at(T + HOUR + 50_000, "3"), at(T + HOUR + 45_000, "2"))).toMatchObject({
      candles: 2,
    });
    expect(await candles()).toEqual([["3", HOUR + 50_000]]);
    expect(await dirty()).toEqual([["1h", 0], ["1h", 0]]);
  });

  test("of a bucket that had not ended when it was asked for says nothing final and is left out", async () => {
    await store(
      answer(
        "1h",
        T,
        T + 2 * HOUR,
        [row("1h", T, "1"), row("1h", T + HOUR, "2")],
        T + HOUR + 60_000,
      ),
    );
    expect(await candles()).toEqual([["1", HOUR + 60_000]]);
    expect(await covered()).toEqual([["1h", 0, 3_650]]);
  });
});

describe("coverage", () => {
  test("empty answers cover too", async () => {
    await store(answer("1m", T, T + HOUR, []));
    expect(await covered()).toEqual([["1m", 0, 3_600]]);
  });

  test("of a second in which a session begins is the answer's: cut within it, the second stayed a gap for ever", async () => {
    await writeMark(sql, {
      session: "live",
      markets: [BTC],
      since: new Date(T + 5_437).toISOString(),
      until: new Date(T + 120_000).toISOString(),
    });
    await store(answer("1s", T, T + 30_000, []));
    expect(await covered()).toEqual([["1s", 0, 11]]);
  });

  test("of a second in which a session ends comes with its row: covered without it, a second was missing unnoticed", async () => {
    await writeMark(sql, {
      session: "dead",
      markets: [BTC],
      since: new Date(T).toISOString(),
      until: new Date(T + 15_437).toISOString(),
    });
    // 5 s at either end of a session are not counted as seen
    await store(
      answer("1s", T, T + 30_000, [4, 5, 9, 10, 11].map((s) => row("1s", T + s * 1_000, "1"))),
    );
    expect(await covered()).toEqual([["1s", 0, 5], ["1s", 10, 30]]);
    expect((await seconds()).map(([at]) => at)).toEqual([4, 10, 11]);
  });

  test("what is covered already brings no row: who compares again and again fills no table", async () => {
    await store(answer("1m", T, T + HOUR, []));
    await sql`SELECT rollup_coverage(${new Date(T + HOUR).toISOString()}::text::timestamptz)`;
    expect(await store(answer("1m", T + 60_000, T + HOUR, []))).toMatchObject({ covered: 0 });
    expect(await store(answer("1m", T + 60_000, T + 2 * HOUR, []))).toMatchObject({ covered: 1 });
    expect(await covered()).toHaveLength(2);
  });
});
