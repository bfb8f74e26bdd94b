import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import type { Candle } from "#core/candle.ts";
import { decimal } from "#core/decimal.ts";
import type { Interval } from "#core/interval.ts";
import { market } from "#core/market.ts";
import { type FreshDatabase, freshDatabase } from "../../../sql/testing/fresh_database.ts";
import { clear, drainAt, writeMark, writeReceived } from "../../../sql/testing/history.ts";
import { SecondDays } from "../second_days.ts";
import { parityState } from "./parity_state.ts";
import { storeAnswers } from "./store_answers.ts";

/** The ledger: what differs is found, asked for again, corrected with a reason, and nothing is repaired in silence. */

const BTC = market("KRW-BTC");
const T = Date.parse("2026-11-18T15:00:00Z");
const MINUTE = 60_000;

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
beforeEach(async () => {
  await clear(sql);
  await sql`TRUNCATE parity_compared, parity_hour, parity_difference, parity_again`;
});

const iso = (ms: number): string => new Date(ms).toISOString();

function second(
  offset: number,
  change: Partial<Record<"high" | "volume" | "turnover", string>> = {},
): Candle {
  const startsAtMs = T + offset * 1_000;
  return {
    market: BTC,
    interval: "1s",
    startsAtMs,
    open: decimal("100"),
    high: decimal(change.high ?? "101"),
    low: decimal("99"),
    close: decimal("100"),
    volume: decimal(change.volume ?? "2"),
    turnover: decimal(change.turnover ?? "200"),
    lastTickAtMs: startsAtMs + 500,
  };
}

/** What the socket brought, and what it saw: [sinceS, untilS) without the 5 s that a begin costs. */
async function receive(rows: readonly Candle[], sinceS = -5, untilS = 3_600): Promise<void> {
  for (const row of rows) {
    await writeReceived(sql, row);
    await sql`INSERT INTO candle_dirty (interval, market, starts_at)
      VALUES ('1m', ${row.market}, date_trunc('minute', ${
      iso(row.startsAtMs)
    }::text::timestamptz))`;
  }
  await writeMark(sql, {
    session: "live",
    markets: [BTC],
    since: iso(T + sinceS * 1_000),
    until: iso(T + untilS * 1_000),
  });
}

const answer = (
  rows: readonly Candle[],
  fetchedAtMs: number,
  { sinceMs = T, untilMs = T + MINUTE, interval = "1s" as Interval } = {},
) => storeAnswers(persist, [{ market: BTC, interval, sinceMs, untilMs, fetchedAtMs, rows }]);

const differences = async () =>
  (await sql`SELECT interval, starts_at, verdict::text, state::text, reason, ours, theirs, jsonb_array_length(history) AS asked
    FROM parity_difference ORDER BY interval, starts_at`).map((row) => ({
    interval: row["interval"] as string,
    at: ((row["starts_at"] as Date).getTime() - T) / 1_000,
    verdict: row["verdict"] as string,
    state: row["state"] as string,
    reason: row["reason"] as string,
    ours: row["ours"] as Record<string, string> | null,
    theirs: row["theirs"] as Record<string, string> | null,
    asked: row["asked"] as number,
  }));
const counts = () => countsOf("1s");
const countsOf = async (interval: Interval) =>
  (await sql`SELECT matched::int, rounded::int, agreed::int, differing::int, taken::int FROM parity_counts(${
    iso(T)
  }::text::timestamptz,
    ${iso(T + 3_600_000)}::text::timestamptz) WHERE interval = ${interval}`)[0];
const stored = async () =>
  (await sql`SELECT starts_at, high::text, volume::text, turnover::text, origin::text, deleted, correction_ms::float8
    FROM market_candle_1s ORDER BY starts_at`).map((row) => ({
    ...row,
    starts_at: ((row["starts_at"] as Date).getTime() - T) / 1_000,
  }));

const ASKED = T + 2 * MINUTE;

describe("a second", () => {
  test("that is equal matches; one that is equal but for a float64's rounding matches so; both count once", async () => {
    const exact = "2511125524827.97362";
    await receive([second(1), second(2, { turnover: exact })]);
    const theirs = [second(1), second(2, { turnover: "2511125524827.9736" })];
    expect((await answer(theirs, ASKED)).verdicts).toEqual({ match: 1, match_rounded: 1 });
    expect((await answer(theirs, ASKED + 60_000)).verdicts).toEqual({});
    expect(await counts()).toEqual({ matched: 1, rounded: 1, agreed: 0, differing: 0, taken: 0 });
    expect(await differences()).toEqual([]);
    expect(await stored()).toMatchObject([{ turnover: "200" }, { turnover: exact }]);
  });

  test.each([
    ["differ", [second(1)], [second(1, { high: "100.5" })]],
    ["differ", [second(1)], [second(1, { volume: "2.1" })]],
    ["differ", [second(1)], [second(1, { turnover: "200.1" })]],
    ["missing_here", [], [second(1)]],
    ["missing_there", [second(1)], []],
  ])(
    "%s: found, not repaired in silence; the same answer again corrects it, with reason and history",
    async (verdict, ours, theirs) => {
      await receive([...ours, second(9)]);
      const before = await stored();
      const first = await answer([...theirs, second(9)], ASKED);
      expect(first).toMatchObject({ seconds: 0, corrections: [], verdicts: { [verdict]: 1 } });
      expect(await stored()).toEqual(before);
      expect(await differences()).toMatchObject([{ at: 1, verdict, state: "open", asked: 1 }]);

      // too early, and the same record again
      await answer([...theirs, second(9)], ASKED + 9_999);
      await answer([...theirs, second(9)], ASKED);
      expect(await stored()).toEqual(before);

      await sql`DELETE FROM candle_dirty`;
      const second_ = await answer([...theirs, second(9)], ASKED + 10_000);
      expect(second_.corrections).toMatchObject([{
        correctionMs: ASKED + 10_000,
        deleted: theirs.length === 0,
      }]);
      expect(await sql`SELECT interval FROM candle_dirty`).toHaveLength(1);
      const [found] = await differences();
      expect(found).toMatchObject({ state: "corrected", asked: 2 });
      expect(found!.reason).toContain("two equal answers of the exchange");
      expect(found!.ours === null).toBe(ours.length === 0);
      expect((await stored())[0]).toMatchObject({
        starts_at: 1,
        origin: "rest",
        correction_ms: ASKED + 10_000,
        deleted: theirs.length === 0,
        ...theirs[0] && { high: theirs[0].high, volume: theirs[0].volume },
      });
      // from then on it is what the exchange says
      await answer([...theirs, second(9)], ASKED + 60_000);
      expect(await differences()).toMatchObject([{ state: "corrected", asked: 2 }]);
      expect(await counts()).toEqual({ matched: 1, rounded: 0, agreed: 0, differing: 1, taken: 0 });
    },
  );

  test("keeps our exact turnover where the exchange's is its rounding", async () => {
    const exact = "2511125524827.97362";
    await receive([second(1, { turnover: exact })]);
    const theirs = [second(1, { high: "102", turnover: "2511125524827.9736" })];
    await answer(theirs, ASKED);
    await answer(theirs, ASKED + 30_000);
    expect(await stored()).toMatchObject([{ high: "102", turnover: exact }]);
  });

  test("of which the exchange changes its mind is asked for again until two answers agree, or one equals ours", async () => {
    await receive([second(1), second(2)]);
    await answer([second(1, { high: "102" }), second(2, { high: "105" })], ASKED);
    await answer([second(1, { high: "103" }), second(2)], ASKED + 20_000);
    expect(await differences()).toMatchObject([
      { at: 1, state: "open", reason: expect.stringContaining("differ from each other") },
      { at: 2, state: "agreed", reason: "the exchange's later answer equals ours" },
    ]);
    await answer([second(1, { high: "103" }), second(2)], ASKED + 40_000);
    expect(await differences()).toMatchObject([{ at: 1, state: "corrected", asked: 3 }, { at: 2 }]);
    expect(await counts()).toMatchObject({ agreed: 1, differing: 1 });
  });

  test("that the exchange amends after it matched is found, and no longer counts as a match", async () => {
    await receive([second(1)]);
    await answer([second(1)], ASKED);
    await answer([second(1, { volume: "1" })], ASKED + 30_000);
    expect(await counts()).toEqual({ matched: 0, rounded: 0, agreed: 0, differing: 1, taken: 0 });
  });
});

describe("no verdict", () => {
  test("where the socket did not see it: the exchange's row fills the gap, as ever", async () => {
    await receive([second(40)], 30);
    const { seconds, verdicts } = await answer([second(1), second(40)], ASKED);
    expect(seconds).toBe(1);
    expect(verdicts).toEqual({ match: 1 });
    expect(await sql`SELECT since, until FROM coverage_answer`).toEqual([{
      since: new Date(T),
      until: new Date(T + 35_000),
    }]);
  });

  test("within 10 s of the asking, nor before what the socket saw has arrived; such rows are left to it", async () => {
    await receive([second(1)], -5, 30);
    const rows = [second(1), second(28), second(29), second(33)];
    const { seconds, verdicts } = await answer(rows, T + 38_000);
    expect(seconds).toBe(0);
    expect(verdicts).toEqual({ match: 1 });
    expect(await stored()).toHaveLength(1);
    // the session died there: it saw 5 s less, and what it did not see is stored and covered
    const later = await answer(rows, T + 90_000);
    expect(later.seconds).toBe(3);
    expect(later.verdicts).toEqual({});
  });
});

describe("a roll-up", () => {
  const minute = (change = {}): Candle => ({
    ...second(0, change),
    interval: "1m",
    lastTickAtMs: T + 2_500,
  });
  const asked = { interval: "1m" as const };

  test("is pending until it is folded, then matches within two steps of a float64", async () => {
    await receive([
      second(1, { volume: "0.5", turnover: "0.1" }),
      second(2, { volume: "1.5", turnover: "0.2" }),
    ]);
    const theirs = [minute({ turnover: "0.30000000000000004" })];
    expect((await answer(theirs, ASKED, asked)).verdicts).toEqual({});
    await drainAt(sql, iso(ASKED));
    expect((await answer(theirs, ASKED, asked)).verdicts).toEqual({ match_rounded: 1 });
    expect(
      (await answer([minute({ turnover: "0.3000000000000003" })], ASKED + 20_000, asked)).verdicts,
    )
      .toEqual({ differ: 1 });
  });

  test("that differs twice has its seconds compared; they are corrected, it is folded anew and agrees", async () => {
    await receive([second(1), second(2)]);
    await drainAt(sql, iso(ASKED));
    const theirs = [minute({ volume: "5", turnover: "500" })];
    await answer(theirs, ASKED, asked);
    await drainAt(sql, iso(ASKED));
    await answer(theirs, ASKED + 30_000, asked);
    expect(await differences()).toMatchObject([{ interval: "1m", state: "confirmed" }]);
    const wanted = async () =>
      (await sql`SELECT interval, since, until FROM parity_wanted(${
        iso(T + 3_600_000)
      }::text::timestamptz, 10,
        ARRAY['KRW-BTC']) LIMIT 1`)[0];
    expect(await wanted()).toEqual({
      interval: "1s",
      since: new Date(T),
      until: new Date(T + MINUTE),
    });

    const seconds = [second(1), second(2, { volume: "3", turnover: "300" })];
    await answer(seconds, ASKED + 60_000);
    expect(await wanted()).toEqual({
      interval: "1s",
      since: new Date(T + 2_000),
      until: new Date(T + 3_000),
    });
    await answer(seconds, ASKED + 90_000);
    expect(await wanted()).toMatchObject({ interval: "1m" });
    await drainAt(sql, iso(ASKED + 100_000));
    await answer(theirs, ASKED + 120_000, asked);
    expect(await differences()).toMatchObject([
      {
        interval: "1m",
        state: "agreed",
        reason: "what it is folded from was revised or corrected",
      },
      { interval: "1s", at: 2, state: "corrected" },
    ]);
  });

  describe("that is folded in part from what the exchange gave us", () => {
    const NONE = { matched: 0, rounded: 0, agreed: 0, differing: 0, taken: 0 };
    const theirs = minute({ volume: "4", turnover: "400" });

    /** Saw the minute from second 30 on; the exchange's answer filled what was before. */
    const filled = async () => {
      await receive([second(40)], 25);
      await answer([second(1), second(40)], ASKED);
      await drainAt(sql, iso(ASKED));
    };

    test("proves nothing where it agrees: it is counted apart, once, and in no share", async () => {
      await filled();
      expect((await answer([theirs], ASKED, asked)).verdicts).toEqual({ taken: 1 });
      expect((await answer([theirs], ASKED + 30_000, asked)).verdicts).toEqual({});
      expect(await countsOf("1m")).toEqual({ ...NONE, taken: 1 });
      expect((await parityState(persist, ASKED)).shares["1h"]).toBe(1); // of the one second that was seen
    });

    test("differs where it differs, and is apart again once it agrees", async () => {
      await filled();
      await answer([theirs], ASKED, asked);
      await drainAt(sql, iso(ASKED));
      const wrong = minute({ volume: "5", turnover: "500" });
      expect((await answer([wrong], ASKED + 30_000, asked)).verdicts).toEqual({ differ: 1 });
      expect(await countsOf("1m")).toEqual({ ...NONE, differing: 1 });
      expect((await parityState(persist, ASKED)).shares["1h"]).toBe(0.5);
      await drainAt(sql, iso(ASKED));
      await answer([theirs], ASKED + 60_000, asked);
      expect(await differences()).toMatchObject([{ interval: "1m", state: "agreed" }]);
      expect(await countsOf("1m")).toEqual({ ...NONE, taken: 1 });
    });

    test("while one that the socket saw all of counts as before", async () => {
      await receive([second(1), second(40)]);
      await drainAt(sql, iso(ASKED));
      expect((await answer([theirs], ASKED, asked)).verdicts).toEqual({ match: 1 });
      expect(await countsOf("1m")).toEqual({ ...NONE, matched: 1 });
    });
  });
});
