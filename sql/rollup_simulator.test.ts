import { afterAll, beforeAll, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { bucketEndMs, type Interval, INTERVALS } from "#core/interval.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { ledger } from "../dev/exchange/book.ts";
import { Clock } from "../dev/exchange/clock.ts";
import { Rest } from "../dev/exchange/rest.ts";
import { SimulatedBook } from "../dev/exchange/simulated_book.ts";
import { canonical } from "../dev/exchange/spelling.ts";
import { type TestDatabase, testDatabase } from "./testing/database.ts";
import { drainAt, makeDays, readRollups, type StoredRollup } from "./testing/history.ts";

/** Listed a few days before a month ends within a week: all their history is here, with borders of every length. */
const SINCE_MS = Date.UTC(2026, 9, 29, 5, 12, 33);
const NOW_MS = Date.UTC(2026, 10, 4, 3, 17, 30);
const DAY_MS = 86_400_000;
const iso = (ms: number): string => new Date(ms).toISOString();

let database: TestDatabase;
const book = new SimulatedBook({ seed: 5, markets: { KRW: 1 }, rate: 0.5, lateShare: 0.01 });
const markets = ["KRW-EARLY", "BTC-LATER"];
markets.forEach((market, at) => book.list(market, SINCE_MS + at * DAY_MS));
const rest = new Rest(book, new Clock(NOW_MS, 1, () => 0));

beforeAll(async () => {
  database = await testDatabase();
  const { sql } = database;
  const days = Math.ceil((NOW_MS - SINCE_MS) / DAY_MS) + 1;
  await makeDays(
    sql,
    Array.from({ length: days }, (_, day) => iso(SINCE_MS + day * DAY_MS).slice(0, 10)),
  );
  for (const market of markets) {
    const seconds = ledger(book, market, SINCE_MS, NOW_MS);
    expect(seconds.length).toBeGreaterThan(300);
    await sql.unsafe(
      `WITH stored AS (
         INSERT INTO market_candle_1s (market, starts_at, last_tick_at, received_at, correction_ms, origin, revisions,
           deleted, open, high, low, close, volume, turnover)
         SELECT $1, at, tick, tick, 0, 'websocket', 0, false, open, high, low, close, volume, turnover
         FROM jsonb_to_recordset($2::text::jsonb) AS t(at timestamptz, tick timestamptz, open numeric, high numeric,
           low numeric, close numeric, volume numeric, turnover numeric)
         RETURNING starts_at
       )
       INSERT INTO candle_dirty (interval, market, starts_at)
       SELECT DISTINCT '1m', $1, date_bin('1 minute', starts_at, 'epoch') FROM stored`,
      [
        market,
        JSON.stringify(seconds.map((second) => ({
          at: iso(second.startsAtMs),
          tick: iso(second.lastTickAtMs),
          open: canonical(second.open, 8),
          high: canonical(second.high, 8),
          low: canonical(second.low, 8),
          close: canonical(second.close, 8),
          volume: canonical(second.volume, 8),
          turnover: canonical(second.turnover, 16),
        }))),
      ],
    );
  }
  await drainAt(sql, iso(NOW_MS + 60_000));
}, 240_000);
afterAll(() => database.drop());

const PATHS: Readonly<Record<Exclude<Interval, "1s">, string>> = {
  "1m": "minutes/1",
  "3m": "minutes/3",
  "5m": "minutes/5",
  "10m": "minutes/10",
  "15m": "minutes/15",
  "30m": "minutes/30",
  "1h": "minutes/60",
  "4h": "minutes/240",
  "1d": "days",
  "1w": "weeks",
  "1mo": "months",
};

type Row = Readonly<Record<string, string>>;

/** Every row of the exchange's REST, page by page. */
function theirs(market: string, interval: Exclude<Interval, "1s">): readonly Row[] {
  const found: Row[] = [];
  let to = iso(NOW_MS);
  for (;;) {
    const query = new URLSearchParams({ market, to, count: "200" });
    const { status, body } = rest.answer(
      new URL(`http://exchange/v1/candles/${PATHS[interval]}?${query}`),
    );
    expect(status).toBe(200);
    const page = parseJsonNumbersAsText(body) as readonly Row[];
    found.push(...page);
    if (page.length < 200) return found;
    to = `${page.at(-1)!["candle_date_time_utc"]}Z`;
  }
}

/** As the exchange's REST states turnover as a float64, within two units in its last place. */
function sameTurnover(ours: string, theirs: string): boolean {
  const [a, b] = [Number(ours), Number(theirs)];
  return Math.abs(a - b) <= 2 * 2 ** (Math.floor(Math.log2(Math.abs(b))) - 52);
}

test.each(INTERVALS.slice(1) as readonly Exclude<Interval, "1s">[])(
  "every stored %s candle is the exchange's REST candle, and none is missing on either side",
  async (interval) => {
    const stored = new Map(
      (await readRollups(database.sql, interval)).map((row) => [`${row.market} ${row.at}`, row]),
    );
    let compared = 0;
    for (const market of markets) {
      for (const row of theirs(market, interval)) {
        const key = `${market} ${row["candle_date_time_utc"]}Z`;
        const own: StoredRollup | undefined = stored.get(key);
        const startMs = Date.parse(`${row["candle_date_time_utc"]}Z`);
        if (bucketEndMs(interval, startMs) > Math.floor(NOW_MS / 60_000) * 60_000) {
          // it forms: the newest minutes are not in it yet, and a reader folds them itself
          stored.delete(key);
          continue;
        }
        expect(own, key).toBeDefined();
        expect([own!.open, own!.high, own!.low, own!.close, own!.volume, own!.lastTickAtMs], key)
          .toEqual([
            decimal(row["opening_price"]!),
            decimal(row["high_price"]!),
            decimal(row["low_price"]!),
            decimal(row["trade_price"]!),
            decimal(row["candle_acc_trade_volume"]!),
            Number(row["timestamp"]),
          ]);
        expect(sameTurnover(own!.turnover, row["candle_acc_trade_price"]!), key).toBe(true);
        stored.delete(key);
        compared++;
      }
    }
    expect([...stored.keys()]).toEqual([]);
    expect(compared).toBeGreaterThanOrEqual(markets.length);
  },
);
