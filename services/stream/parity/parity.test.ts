import { afterAll, beforeAll, expect, test } from "vitest";
import { interval } from "#core/interval.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { market } from "#core/market.ts";
import { type FreshDatabase, freshDatabase } from "../../../sql/testing/fresh_database.ts";
import { Parity } from "./parity.ts";

let fresh: FreshDatabase;
let parity: Parity;
const T = Date.parse("2026-11-18T15:00:00Z");

beforeAll(async () => {
  fresh = await freshDatabase();
  const sql = fresh.as("stofka_owner");
  parity = new Parity(fresh.as("stofka_stream"));
  await sql`INSERT INTO parity_compared VALUES ('KRW-BTC', '1s', '{["2026-11-18 15:00:00+00","2026-11-18 15:10:00+00")}')`;
  await sql`INSERT INTO parity_hour VALUES ('2026-11-18 15:00+00', 90, 6, 'KRW-BTC', '1s', 0),
    ('2026-11-18 15:00+00', 5, 0, 'KRW-ETH', '1s', 0), ('2026-11-18 15:00+00', 10, 0, 'KRW-BTC', '1m', 30)`;
  const theirs =
    `{"open":"1","high":"2","low":"1","close":"2","volume":"98765432101.12345678","turnover":"0.00000001","last_tick_at_ms":1795014000500}`;
  await sql`INSERT INTO parity_difference (starts_at, found_at, fetched_at, corrected_at, state, verdict, market, interval, ours,
      theirs, reason, history)
    SELECT '2026-11-18 15:00:00+00'::timestamptz + n * interval '1 second', '2026-11-18 15:02:00+00', '2026-11-18 15:03:00.5+00',
      '2026-11-18 15:03:00.5+00', CASE n WHEN 0 THEN 'agreed' ELSE 'corrected' END::parity_state, 'missing_here', 'KRW-BTC',
      '1s', NULL, ${theirs}::text::jsonb, 'it says "why"', jsonb_build_array(jsonb_build_object('fetched_at',
        '2026-11-18T15:02:00Z', 'verdict', 'missing_here', 'ours', NULL, 'theirs', ${theirs}::text::jsonb))
    FROM generate_series(0, 3) n`;
});
afterAll(() => fresh.drop());

const ask = async (more: { name?: string; of?: string; sinceMs?: number } = {}) =>
  parseJsonNumbersAsText(
    await parity.page({
      market: more.name === undefined ? null : market(more.name),
      interval: more.of === undefined ? null : interval(more.of),
      sinceMs: more.sinceMs ?? T,
      untilMs: T + 1_200_000,
    }),
  ) as Record<string, unknown>;

test("of one market and interval: counts, share, what has no verdict, and each difference with every digit", async () => {
  const page = await ask({ name: "KRW-BTC", of: "1s" });
  expect(page["counts"]).toEqual([
    { interval: "1s", match: "90", match_rounded: "6", agreed: "1", differing: "3", taken: "0" },
  ]);
  expect(page["share"]).toBe("0.97");
  expect(page["pending"]).toEqual([
    { since: "2026-11-18T15:10:00Z", until: "2026-11-18T15:20:00Z" },
  ]);
  const differences = page["differences"] as Record<string, unknown>[];
  expect(differences.map((row) => row["starts_at"])).toEqual([
    "2026-11-18T15:00:03Z",
    "2026-11-18T15:00:02Z",
    "2026-11-18T15:00:01Z",
    "2026-11-18T15:00:00Z",
  ]);
  const theirs = {
    open: "1",
    high: "2",
    low: "1",
    close: "2",
    volume: "98765432101.12345678",
    turnover: "0.00000001",
    last_tick_at_ms: "1795014000500",
  };
  expect(differences[0]).toEqual({
    market: "KRW-BTC",
    interval: "1s",
    starts_at: "2026-11-18T15:00:03Z",
    verdict: "missing_here",
    state: "corrected",
    reason: 'it says "why"',
    found_at: "2026-11-18T15:02:00Z",
    fetched_at: "2026-11-18T15:03:00.500Z",
    corrected_at: "2026-11-18T15:03:00.500Z",
    ours: null,
    theirs,
    history: [{ fetched_at: "2026-11-18T15:02:00Z", verdict: "missing_here", ours: null, theirs }],
  });
});

test("of all: each interval once, and no list of what has no verdict", async () => {
  const page = await ask();
  expect(page["counts"]).toEqual([
    { interval: "1s", match: "95", match_rounded: "6", agreed: "1", differing: "3", taken: "0" },
    { interval: "1m", match: "10", match_rounded: "0", agreed: "0", differing: "0", taken: "30" },
  ]);
  expect(page["pending"]).toBeNull();
});

test("where nothing was compared there is no share, and all is pending", async () => {
  const page = await ask({ name: "KRW-XRP", of: "1m" });
  expect(page).toMatchObject({
    share: null,
    counts: [],
    differences: [],
    more: false,
    pending: [{ since: "2026-11-18T15:00:00Z", until: "2026-11-18T15:20:00Z" }],
  });
});
