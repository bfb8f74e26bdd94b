import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "./testing/database.ts";
import { makeDays, type TestSecond, writeSeconds } from "./testing/history.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await makeDays(database.sql, ["2024-02-27", "2024-02-28", "2024-02-29"]);
});
afterAll(() => database.drop());

const MARKETS = ["KRW-A", "KRW-B", "KRW-C"];
/** Twelve minutes of three markets around a midnight, where one day's table ends. */
const SINCE_MS = Date.parse("2024-02-28T23:54:00Z");
const MINUTES = MARKETS.flatMap((market) =>
  Array.from({ length: 12 }, (_, minute) => ({ market, atMs: SINCE_MS + minute * 60_000 }))
);
/** A minute so far away that nothing between is read for it. */
const FAR = { market: "KRW-A", atMs: Date.parse("2024-02-27T00:00:00Z") };

async function folded(
  minutes: readonly { market: string; atMs: number }[],
): Promise<Record<string, unknown>[]> {
  const iso = (ms: number): string => new Date(ms).toISOString();
  return await database.sql`
    SELECT * FROM fold_seconds(${minutes.map(({ market }) => market)}::text[],
      ${minutes.map(({ atMs }) => iso(atMs))}::text[]::timestamptz[],
      ${minutes.map(({ atMs }) => iso(atMs + 60_000))}::text[]::timestamptz[],
      array_fill(true, ARRAY[${minutes.length}::integer]))
    WHERE starts_at >= ${iso(SINCE_MS)}::text::timestamptz ORDER BY market, starts_at`;
}

const second = fc.record({
  market: fc.constantFrom(...MARKETS),
  offset: fc.integer({ min: 0, max: 12 * 60 - 1 }),
  price: fc.integer({ min: 1, max: 9_999 }),
  volume: fc.integer({ min: 1, max: 999_999_999 }),
  deleted: fc.constantFrom(false, false, true),
});

test("minutes are the same, folded as a stretch or one by one, and begin and end as their seconds do", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(second, { minLength: 20, maxLength: 80 }), async (seconds) => {
      await database.sql`TRUNCATE market_candle_1s`;
      const rows = new Map<string, TestSecond>();
      for (const { market, offset, price, volume, deleted } of seconds) {
        const at = new Date(SINCE_MS + offset * 1_000).toISOString();
        const row = { market, at, price: `${price}.5`, volume: `${volume}e-8`, deleted };
        rows.set(`${market} ${at}`, row);
      }
      await writeSeconds(database.sql, [...rows.values()]);
      const stretch = await folded(MINUTES);
      expect(stretch).toEqual(await folded([FAR, ...MINUTES]));
      expect(stretch.map(({ open, close }) => [open, close])).toEqual(MINUTES.map((minute) => {
        const prices = [...rows.values()].filter(({ market, at, deleted }) =>
          market === minute.market &&
          Math.floor(Date.parse(at) / 60_000) * 60_000 === minute.atMs &&
          !deleted
        ).sort((a, b) => a.at < b.at ? -1 : 1).map(({ price }) => price);
        return [prices[0] ?? null, prices.at(-1) ?? null];
      }));
    }),
    { numRuns: 30 },
  );
});
