import { afterAll, beforeAll, expect, test } from "vitest";
import type { Interval } from "#core/interval.ts";
import { type Market, market } from "#core/market.ts";
import { CANDLE_PATHS } from "#core/upbit/rest_candle.ts";
import { ExchangeProcess } from "../../services/ingest/testing/exchange_process.ts";
import { writeMark } from "../../sql/testing/history.ts";
import { until } from "../until.ts";
import { exactJson, plain, scaled, unscaled } from "../whole/exact.ts";
import { ledgerSeconds } from "../whole/seconds.ts";
import { Rig } from "./rig.ts";

/**
 * Started at 15:20 on a Wednesday in the middle of a month: what we saw ourselves begins there, and today, this week and this
 * month are to be whole all the same.
 */

const START = "2026-11-18T15:20:02Z";
const MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP"].map(market);
const LEVELS: readonly Interval[] = [
  "1m",
  "3m",
  "5m",
  "10m",
  "15m",
  "30m",
  "1h",
  "4h",
  "1d",
  "1w",
  "1mo",
];

let exchange: ExchangeProcess;
let rig: Rig;

beforeAll(async () => {
  // a little later, so that there is something we saw
  exchange = await ExchangeProcess.start(
    "--start",
    "2026-11-18T15:22:10Z",
    "--markets",
    "5",
    "--rate",
    "0.05",
  );
  rig = await Rig.start(await exchange.nowMs());
  await see();
});

afterAll(async () => {
  await rig?.stop();
  exchange?.stop();
});

/** What the collection has stored by now: the seconds since the start, and the mark that says so. */
async function see(): Promise<void> {
  const untilMs = rig.nowMs() - 2_000;
  for (
    const row of (await ledgerSeconds(exchange.control, MARKETS, Date.parse(START), untilMs))
      .values()
  ) {
    await rig.sql`SELECT ensure_seconds_day('2026-11-18')`;
    await rig.sql`
      INSERT INTO market_candle_1s (starts_at, last_tick_at, received_at, correction_ms, origin, revisions, deleted,
        market, open, high, low, close, volume, turnover)
      VALUES (to_timestamp(${row.startsAtMs / 1000}::float8), to_timestamp(${
      row.lastTickAtMs / 1000
    }::float8),
        to_timestamp(${
      row.startsAtMs / 1000
    }::float8), 0, 'websocket', 0, false, ${row.market}, ${row.open}::numeric,
        ${row.high}::numeric, ${row.low}::numeric, ${row.close}::numeric, ${row.volume}::numeric, ${row.turnover}::numeric)
      ON CONFLICT DO NOTHING`;
    await rig.sql`INSERT INTO candle_dirty (interval, market, starts_at)
      VALUES ('1m', ${row.market}, date_trunc('minute', to_timestamp(${
      row.startsAtMs / 1000
    }::float8)))`;
  }
  await writeMark(rig.sql, {
    session: "first",
    markets: MARKETS,
    since: START,
    until: new Date(untilMs).toISOString(),
  });
}

interface Forming {
  readonly interval: string;
  readonly complete: boolean;
  readonly until: Date;
  readonly volume: string;
  readonly starts_at: Date;
}

/** Rows of the buckets that hold the present, of one market. */
async function forming(name: Market): Promise<readonly Forming[]> {
  return await rig.sql`
    SELECT DISTINCT ON (interval) interval, complete, until, volume::text, starts_at FROM market_candle
    WHERE market = ${name} AND interval IN ('1d', '1w', '1mo') AND NOT deleted
    ORDER BY interval, starts_at DESC` as unknown as Forming[];
}

test(
  "before the repair, day, week and month say that they are incomplete; after it all levels equal the exchange's",
  async () => {
    await rig.drain();
    for (const name of MARKETS) {
      expect((await forming(name)).map(({ interval, complete }) => [interval, complete])).toEqual([
        ["1d", false],
        ["1mo", false],
        ["1w", false],
      ]);
    }

    rig.persist();
    const repair = rig.repair({ restUrl: exchange.rest, markets: MARKETS });
    await until("today, this week and this month are complete", 60_000, async () => {
      await see();
      await rig.drain();
      const rows = (await Promise.all(MARKETS.map(forming))).flat();
      return rows.length === 9 && rows.every(({ complete }) => complete);
    }, { everyMs: 500, told: () => JSON.stringify(repair.lines.slice(-10)) });

    await until("the first screens are filled", 60_000, async () => {
      await see();
      await rig.drain();
      const [row] = await rig.sql`
      SELECT count(*)::int AS missing FROM repair_missing(${
        new Date(rig.nowMs()).toISOString()
      }::text::timestamptz, ${MARKETS}::text[]) WHERE interval <> '1s'`;
      return row!["missing"] === 0;
    }, { everyMs: 500 });

    for (const name of MARKETS) {
      for (const interval of LEVELS) await compare(name, interval);
    }
  },
  300_000,
);

/** The closed buckets of the first screen, each number: volume and prices to the last digit, turnover as the exchange rounds it. */
async function compare(name: Market, interval: Interval): Promise<void> {
  const query = new URLSearchParams({ market: name, count: "150" });
  let answer = await fetch(`${exchange.rest}/${CANDLE_PATHS[interval]}?${query}`);
  // the exchange takes ten a second
  await until(`${name} ${interval} is answered`, 10_000, async () => {
    if (answer.status !== 429) return true;
    answer = await fetch(`${exchange.rest}/${CANDLE_PATHS[interval]}?${query}`);
    return false;
  }, { everyMs: 300 });
  expect(answer.status).toBe(200);
  const theirs = (exactJson(await answer.text()) as Record<string, string>[]).slice(1);
  expect(theirs.length, `${name} ${interval}`).toBeGreaterThan(20);
  const ours = await rig.sql`
    SELECT to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') AS at, complete, open::text, high::text, low::text,
      close::text, volume::text, turnover::text
    FROM market_candle WHERE market = ${name} AND interval = ${interval} AND NOT deleted`;
  const byStart = new Map(ours.map((row) => [row["at"] as string, row]));
  // what ended just now is still under way
  const settled = theirs.filter(({ timestamp }) => Number(timestamp) < rig.nowMs() - 60_000);
  for (const row of settled) {
    const at = row["candle_date_time_utc"]!;
    const own = byStart.get(at);
    expect(own, `${name} ${interval} ${at}`).toMatchObject({
      complete: true,
      open: plain(row["opening_price"]!),
      high: plain(row["high_price"]!),
      low: plain(row["low_price"]!),
      close: plain(row["trade_price"]!),
      volume: plain(row["candle_acc_trade_volume"]!),
    });
    const [exact, rounded] = [Number(own!["turnover"]), Number(row["candle_acc_trade_price"])];
    expect(Math.abs(exact - rounded), `${name} ${interval} ${at}`).toBeLessThanOrEqual(
      2 * Number.EPSILON * rounded,
    );
  }
}

test(
  "the forming day's and week's volume are the sums of the exchange's seconds, to the last digit",
  async () => {
    await see();
    await rig.drain();
    const name = MARKETS[0]!;
    for (const { interval, until, volume, starts_at: since } of await forming(name)) {
      if (interval === "1mo") continue;
      let sum = 0n;
      for (let at = since.getTime(); at < until.getTime(); at += 86_400_000) {
        const rows = await ledgerSeconds(
          exchange.control,
          [name],
          at,
          Math.min(at + 86_400_000, until.getTime()),
        );
        for (const row of rows.values()) sum += scaled(row.volume, 20);
      }
      expect(volume, interval).toBe(unscaled(sum, 20));
    }
  },
);
