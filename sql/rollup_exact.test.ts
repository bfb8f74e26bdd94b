import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { bucketEndMs, bucketStartMs, FOLDED_FROM, INTERVALS } from "#core/interval.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { type TestDatabase, testDatabase } from "./testing/database.ts";
import { recomputed, rollupLines } from "./testing/recomputed.ts";
import {
  clear,
  drainAt,
  makeDays,
  readRollups,
  type TestSecond,
  writeSeconds,
} from "./testing/history.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());
beforeEach(() => clear(database.sql));

test("levels and grid are those of core", async () => {
  const levels = await database.sql`SELECT interval, folded_from FROM rollup_level ORDER BY level`;
  expect(Object.fromEntries(levels.map((row) => [row["interval"], row["folded_from"]])))
    .toEqual(FOLDED_FROM);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: Date.UTC(2017, 0, 1), max: Date.UTC(2040, 0, 1) }),
      fc.constantFrom(...INTERVALS),
      async (timeMs, interval) => {
        const startMs = bucketStartMs(interval, timeMs);
        const [row] = await database.sql`
          SELECT bucket_start(${interval}, t) AS first, bucket_end(${interval}, bucket_start(${interval}, t)) AS last
          FROM (SELECT ${new Date(timeMs).toISOString()}::text::timestamptz AS t) AS given`;
        expect([row!["first"], row!["last"]].map((date) => (date as Date).getTime()))
          .toEqual([startMs, bucketEndMs(interval, startMs)]);
      },
    ),
    { numRuns: 150 },
  );
});

/** Where buckets of several levels end at once: a year, leap and common Februaries, a Monday, a day, an hour. */
const BORDERS = [
  "2024-01-01T00:00:00Z",
  "2024-02-29T00:00:00Z",
  "2024-03-01T00:00:00Z",
  "2023-03-01T00:00:00Z",
  "2024-03-04T00:00:00Z",
  "2024-03-02T15:00:00Z", // midnight in Seoul
  "2024-03-02T16:00:00Z",
].map((text) => Date.parse(text));

const MARKETS = ["KRW-BTC", "KRW-ETH"];

/** What happens: seconds come, come again changed or lowered, are taken back, and rounds run in between. */
const event = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("second" as const),
      market: fc.constantFrom(...MARKETS),
      // few places, so that the same second is met again
      atMs: fc.tuple(
        fc.constantFrom(...BORDERS),
        fc.constantFrom(-3_600, -61, -60, -2, -1, 0, 1, 59, 60, 299),
      )
        .map(([border, offset]) => border + offset * 1_000),
      units: fc.integer({ min: 1, max: 999_999_999 }),
      revision: fc.integer({ min: 0, max: 5 }),
      deleted: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("round" as const),
      oldMax: fc.integer({ min: 1, max: 9 }),
    }),
  },
);

describe("tables equal a recomputation", () => {
  test(
    "of every interval, whatever came late, again, lowered, deleted, doubled or never",
    async () => {
      await makeDays(database.sql, [
        ...new Set(
          BORDERS.flatMap((ms) => [ms - 3_600_000, ms]).map((ms) =>
            new Date(ms).toISOString().slice(0, 10)
          ),
        ),
      ]);
      await fc.assert(
        fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40 }), async (events) => {
          await clear(database.sql);
          const truth = new Map<string, { second: TestSecond; rank: readonly [number, number] }>();
          for (const step of events) {
            if (step.kind === "round") {
              await database.sql`SELECT rollup_round('2024-03-05T00:00:00Z', ${step.oldMax})`;
              continue;
            }
            const { market, atMs, units, revision, deleted } = step;
            const second: TestSecond = {
              market,
              at: new Date(atMs).toISOString(),
              price: `${units % 1_000 + 1}.5`,
              volume: decimal(`${units}e-8`),
              turnover: decimal(`${units}e-11`),
              revision,
              deleted,
            };
            await writeSeconds(database.sql, [second]);
            const key = `${market} ${atMs}`;
            const rank = [revision, units] as const;
            const held = truth.get(key);
            if (
              held === undefined || rank[0] > held.rank[0] ||
              (rank[0] === held.rank[0] && rank[1] > held.rank[1])
            ) truth.set(key, { second, rank });
          }
          await drainAt(database.sql, "2024-05-01T00:00:00Z", 20);
          const expected = recomputed([...truth.values()].map(({ second }) => second));
          expect(rollupLines(await readRollups(database.sql))).toEqual(expected);
          const [todo] = await database.sql`SELECT count(*)::int AS rows FROM rollup_todo`;
          expect(todo!["rows"]).toBe(0);
        }),
        { numRuns: 25 },
      );
    },
    240_000,
  );
});

const recordings = join(
  process.env["STOFKA_DATA"] ?? new URL("../../shared/data", import.meta.url).pathname,
  "smtm",
);

type Recorded = Readonly<Record<string, string>>;

function recorded(unit: "1m" | "3m"): Recorded[] {
  return readdirSync(recordings).filter((file) => file.startsWith(`upbit_${unit}_`))
    .flatMap((file) =>
      parseJsonNumbersAsText(readFileSync(join(recordings, file), "utf8")) as Recorded[]
    );
}

test.skipIf(!existsSync(recordings))(
  "recorded minutes of the exchange fold to its own three-minute candles, 60 of 60, all seven fields",
  async () => {
    const { sql } = database;
    const minutes = recorded("1m");
    const fields = [
      "opening_price",
      "high_price",
      "low_price",
      "trade_price",
      "candle_acc_trade_volume",
      "candle_acc_trade_price",
    ] as const;
    for (const row of minutes) {
      const at = `${row["candle_date_time_utc"]}Z`;
      const [open, high, low, close, volume, turnover] = fields.map((name) => decimal(row[name]!));
      await sql`
        INSERT INTO exchange_candle VALUES (${at}::text::timestamptz,
          ${
        new Date(Number(row["timestamp"])).toISOString()
      }::text::timestamptz, '2020-02-21', '1m', 'KRW-BTC',
          ${open!}, ${high!}, ${low!}, ${close!}, ${volume!}, ${turnover!}) ON CONFLICT DO NOTHING`;
      await sql`INSERT INTO candle_dirty VALUES (${at}::text::timestamptz, 'KRW-BTC', '1m')`;
    }
    await drainAt(sql, "2020-02-21T00:00:00Z");
    const ours = new Map((await readRollups(sql, "3m")).map((row) => [row.at, row]));
    const first = Math.min(...minutes.map((row) => Date.parse(`${row["candle_date_time_utc"]}Z`)));
    const last = Math.max(...minutes.map((row) => Date.parse(`${row["candle_date_time_utc"]}Z`)));
    let equal = 0;
    for (const row of recorded("3m")) {
      const startMs = Date.parse(`${row["candle_date_time_utc"]}Z`);
      if (startMs < first || startMs + 120_000 > last) continue;
      const own = ours.get(`${row["candle_date_time_utc"]}Z`);
      expect([
        own?.open,
        own?.high,
        own?.low,
        own?.close,
        own?.volume,
        own?.turnover,
        own?.lastTickAtMs,
      ])
        .toEqual([...fields.map((name) => decimal(row[name]!)), Number(row["timestamp"])]);
      equal++;
    }
    expect(equal).toBe(60);
  },
);
