import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import { type FreshDatabase, freshDatabase } from "./testing/fresh_database.ts";
import { drainAt, makeDays, writeSeconds } from "./testing/history.ts";

let fresh: FreshDatabase;
let sql: Database;
const NOW = "2024-05-21T06:00:00Z";
/** Since when: the one was filled further back than the other. */
const MARKETS = { "KRW-BTC": "2024-05-20T18:00Z", "KRW-ETH": "2024-05-20T06:00Z" };

beforeAll(async () => {
  fresh = await freshDatabase();
  sql = fresh.as("stofka_owner", 2);
});
afterAll(() => fresh.drop());

async function use(): Promise<Readonly<Record<string, unknown>>> {
  const [row] = await sql`
    SELECT all_bytes::float8 AS all_bytes, seconds_bytes::float8 AS seconds_bytes,
      seconds_bytes_a_day / 1e6 AS seconds_mb_a_day, other_bytes_a_day / 1e6 AS other_mb_a_day, seconds_since, candles_since
    FROM disk_use(${NOW}::text::timestamptz)`;
  return row!;
}

test("disk_use() of an empty database knows its size, and no pace", async () => {
  expect(await use()).toMatchObject({
    seconds_bytes: 0,
    seconds_mb_a_day: null,
    // what empty tables and their indexes take
    other_mb_a_day: expect.closeTo(0.6, 0),
    seconds_since: null,
    candles_since: null,
  });
});

test("disk_use() counts the pace from the first second of the last two days, and names the oldest of each", async () => {
  await makeDays(sql, ["2024-05-10", "2024-05-20", "2024-05-21"]);
  for (const [market, since] of Object.entries(MARKETS)) {
    await sql`INSERT INTO market VALUES (${market}, '', '', '{}', '2024-05-17T06:00Z', '2024-05-17T06:00Z')`;
    await sql`
      INSERT INTO market_candle_1s SELECT s, s, s, 0, 'websocket', 0, false, ${market}, 1, 1, 1, 1, 1, 1
      FROM generate_series(${since}::text::timestamptz, '2024-05-21T05:59:59Z', interval '2 s') s`;
  }
  await writeSeconds(sql, [{ market: "KRW-ETH", at: "2024-05-10T12:00:00Z", price: "1" }]);
  await drainAt(sql, NOW);
  const [size] = await sql`
    SELECT sum(pg_total_relation_size(c.oid))::float8 / 1e6 AS recent FROM pg_class c
    WHERE c.relname IN ('market_candle_1s_20240520', 'market_candle_1s_20240521')`;
  const found = await use();
  expect(size!["recent"]).toBeGreaterThan(4);
  // twelve and 24 hours; the eleven days before, with their one second, are no pace
  expect(found["seconds_mb_a_day"]).toBeCloseTo(24 / 18 * (size!["recent"] as number), 6);
  expect(found).toMatchObject({
    seconds_since: new Date("2024-05-10T12:00:00Z"),
    candles_since: new Date("2024-05-10T12:00:00Z"),
  });
  expect(found["seconds_bytes"]).toBeGreaterThan((size!["recent"] as number) * 1e6);
  expect(found["all_bytes"]).toBeGreaterThan(found["seconds_bytes"] as number);
  // everything else is some hundred kB, over four days
  expect(found["other_mb_a_day"]).toBeGreaterThan(0.05);
  expect(found["other_mb_a_day"]).toBeLessThan(1);
});

test("disk_use() tells since when seconds are kept where retention has moved", async () => {
  await sql`UPDATE retention SET kept_since = '2024-05-20+00' WHERE relation = 'market_candle_1s'`;
  await sql`DELETE FROM market_candle_1s WHERE starts_at < '2024-05-20T20:00Z'`;
  expect(await use()).toMatchObject({
    seconds_since: new Date("2024-05-20T20:00:00Z"),
    candles_since: new Date("2024-05-10T12:00:00Z"),
  });
});

test("only persist may drop days", async () => {
  for (const role of ["stofka_stream", "stofka_repair"] as const) {
    await expect(fresh.as(role, 1)`SELECT * FROM drop_oldest_seconds_day(now())`)
      .rejects.toMatchObject({ code: "42501" });
  }
});
