import {
  assert,
  asyncProperty,
  constantFrom,
  integer,
  record,
  tuple,
  uniqueArray,
} from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Candle } from "#core/candle.ts";
import { decimal } from "#core/decimal.ts";
import type { Interval } from "#core/interval.ts";
import { market } from "#core/market.ts";
import { compareCandles } from "#core/parity.ts";
import { type TestDatabase, testDatabase } from "./testing/database.ts";
import { clear, makeDays, writeMark } from "./testing/history.ts";

/** parity_compare() against the comparison of core/, which knows no tables. */

const BTC = market("KRW-BTC");
const T = Date.parse("2026-11-18T15:00:00Z");
const BUCKETS = 12;
const iso = (ms: number): string => new Date(ms).toISOString();

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await makeDays(database.sql, ["2026-11-18"]);
});
afterAll(() => database.drop());

const EXACT = "2511125524827.97362";
/** Its float64, the next ones, and others. */
const turnovers = constantFrom(
  EXACT,
  "2511125524827.9736",
  "2511125524827.974",
  "2511125524827.9746",
  "2511125524827.975",
  "0.3",
  "0.30000000000000004",
  "0.3000000000000001",
  "0.30000000000000016",
  "0",
);
const values = record({
  high: constantFrom("2", "2.00000001"),
  volume: constantFrom("1", "98765432101.12345678", "98765432101.12345679"),
  turnover: turnovers,
});
const side = uniqueArray(tuple(integer({ min: 0, max: BUCKETS - 1 }), values), {
  selector: ([at]) => at,
});

function candles(
  interval: Interval,
  rows: readonly (readonly [number, { high: string; volume: string; turnover: string }])[],
): readonly Candle[] {
  const widthMs = interval === "1s" ? 1_000 : 60_000;
  return rows.map(([at, { high, volume, turnover }]) => ({
    market: BTC,
    interval,
    startsAtMs: T + at * widthMs,
    lastTickAtMs: T + at * widthMs + 5,
    open: decimal("1"),
    high: decimal(high),
    low: decimal("1"),
    close: decimal("1"),
    volume: decimal(volume),
    turnover: decimal(turnover),
  }));
}

const columns = (rows: readonly Candle[]) => ({
  starts: rows.map(({ startsAtMs }) => iso(startsAtMs)),
  ticks: rows.map(({ lastTickAtMs }) => iso(lastTickAtMs)),
  highs: rows.map(({ high }) => high),
  ones: rows.map(() => "1"),
  volumes: rows.map(({ volume }) => volume),
  turnovers: rows.map(({ turnover }) => turnover),
});

async function keep(interval: Interval, rows: readonly Candle[]): Promise<void> {
  const { starts, ticks, highs, volumes, turnovers } = columns(rows);
  const { sql } = database;
  const table =
    sql`unnest(${starts}::timestamptz[], ${ticks}::timestamptz[], ${highs}::numeric[], ${volumes}::numeric[],
    ${turnovers}::numeric[]) AS t(at, tick, high, volume, turnover)`;
  if (interval === "1s") {
    await sql`INSERT INTO market_candle_1s (starts_at, last_tick_at, received_at, correction_ms, origin, revisions, deleted,
        market, open, high, low, close, volume, turnover)
      SELECT at, tick, at, 0, 'websocket', 0, false, ${BTC}, 1, high, 1, 1, volume, turnover FROM ${table}`;
  } else {
    await sql`INSERT INTO market_candle (starts_at, last_tick_at, until, sequence, timeline, source, complete, deleted, interval,
        market, open, high, low, close, volume, turnover)
      SELECT at, tick, bucket_end(${interval}, at), 1, 1, 'folded', true, false, ${interval}, ${BTC}, 1, high, 1, 1, volume,
        turnover FROM ${table}`;
  }
}

test.each(["1s", "1m"] as const)(
  "of %s tells the verdicts of core/parity.ts, and of nothing beyond what is settled",
  async (interval) => {
    const { sql } = database;
    const widthMs = interval === "1s" ? 1_000 : 60_000;
    await assert(
      asyncProperty(
        side,
        side,
        integer({ min: 0, max: BUCKETS }),
        async (ours, theirs, settled) => {
          await clear(sql);
          await sql`TRUNCATE parity_compared, parity_difference`;
          await writeMark(sql, {
            session: "s",
            markets: [BTC],
            since: iso(T - 5_000),
            until: iso(T + 3_600_000),
          });
          const [our, their] = [candles(interval, ours), candles(interval, theirs)];
          await keep(interval, our);
          const { starts, ticks, highs, ones, volumes, turnovers } = columns(their);
          // buckets that ended 10 s before the asking: so many
          const fetchedAt = iso(T + settled * widthMs + 10_000 + widthMs - 1);
          const told = await sql`
          SELECT (extract(epoch FROM c.starts_at) * 1000)::float8 AS at, c.verdict::text, c.fresh
          FROM parity_compare(${fetchedAt}::text::timestamptz, ${BTC}, ${interval}, ${
            iso(T)
          }::text::timestamptz,
            ${
            iso(T + BUCKETS * widthMs)
          }::text::timestamptz, ${fetchedAt}::text::timestamptz, ${starts}::timestamptz[],
            ${ticks}::timestamptz[], ${ones}::numeric[], ${highs}::numeric[], ${ones}::numeric[], ${ones}::numeric[],
            ${volumes}::numeric[], ${turnovers}::numeric[]) c
          WHERE c.verdict IS NOT NULL ORDER BY 1`;
          const oracle = compareCandles(our, their)
            .filter(({ startsAtMs }) => startsAtMs < T + settled * widthMs)
            .map(({ startsAtMs, verdict }) => ({
              at: startsAtMs,
              verdict: verdict.kind,
              fresh: true,
            }));
          expect([...told]).toEqual(oracle);
        },
      ),
      { numRuns: 60 },
    );
  },
);
