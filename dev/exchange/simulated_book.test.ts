import fc from "fast-check";
import { expect, test } from "vitest";
import { candleAt, candlesBefore, ledger } from "./book.ts";
import { bucketStartMs, dayMs, type Unit } from "./calendar.ts";
import { extremesOf } from "./extremes.ts";
import { SimulatedBook } from "./simulated_book.ts";
import type { Sum, Trade } from "./sum.ts";
import { tickUnits } from "./ticks.ts";

const nowMs = Date.UTC(2026, 10, 22, 15);
const far = Number.MAX_SAFE_INTEGER;
const settings = { seed: 42, markets: { KRW: 289 }, rate: 1, lateShare: 0.01 };
const book = new SimulatedBook(settings);
const markets = book.names(nowMs).map((name) => name.market);

/** A fold of its own: nothing in common with the book's sums. */
function fold(trades: readonly Trade[]): Sum | undefined {
  if (trades.length === 0) return undefined;
  const prices = trades.map((trade) => trade.price);
  let [volume, askVolume, turnover] = [0n, 0n, 0n];
  for (const trade of trades) {
    volume += trade.volume;
    if (trade.side === "ASK") askVolume += trade.volume;
    turnover += trade.price * trade.volume;
  }
  return {
    open: prices[0]!,
    high: prices.reduce((a, b) => (a > b ? a : b)),
    low: prices.reduce((a, b) => (a < b ? a : b)),
    close: prices.at(-1)!,
    volume,
    askVolume,
    turnover,
    lastTickAtMs: Math.max(...trades.map((trade) => trade.storedMs)),
  };
}

const someMarket = fc.integer({ min: 0, max: 60 }).map((rank) => markets[rank]!);
const someMoment = fc.integer({ min: nowMs - 300 * dayMs, max: nowMs });
const someLength = fc.integer({ min: 1, max: 2 * 3_600_000 });

test("trades() of a range are the same however it is cut, whoever asks, and whatever was asked before", () => {
  fc.assert(
    fc.property(someMarket, someMoment, someLength, fc.double({ min: 0, max: 1, noNaN: true }), (
      market,
      sinceMs,
      lengthMs,
      part,
    ) => {
      const cutMs = sinceMs + Math.floor(lengthMs * part);
      const untilMs = sinceMs + lengthMs;
      const other = new SimulatedBook({ ...settings, markets: { KRW: 61 } });
      const later = other.trades(market, cutMs, untilMs);
      expect([...other.trades(market, sinceMs, cutMs), ...later])
        .toEqual(book.trades(market, sinceMs, untilMs));
    }),
    { numRuns: 8 },
  );
});

test("trades() differ by seed", () => {
  const other = new SimulatedBook({ ...settings, seed: 43 });
  expect(other.trades("KRW-BTC", nowMs - 60_000, nowMs))
    .not.toEqual(book.trades("KRW-BTC", nowMs - 60_000, nowMs));
});

test("sum() is the fold of the trades, to the last digit, for any range and as of any moment", () => {
  fc.assert(
    fc.property(someMarket, someMoment, someLength, fc.integer({ min: -9000, max: 9000 }), (
      market,
      sinceMs,
      lengthMs,
      aheadMs,
    ) => {
      const untilMs = sinceMs + lengthMs;
      const asOfMs = untilMs + aheadMs;
      const counted = book.trades(market, sinceMs, untilMs).filter((t) => t.countedMs <= asOfMs);
      expect(book.sum(market, sinceMs, untilMs, asOfMs)).toEqual(fold(counted));
    }),
    { numRuns: 60 },
  );
});

test("candles of every unit equal the aggregation of the ledger's seconds", () => {
  const market = markets[60]!;
  const sinceMs = Date.UTC(2026, 9, 1);
  const seconds: { startsAtMs: number; sum: Sum }[] = [];
  for (let atMs = sinceMs; atMs < Date.UTC(2026, 10, 1); atMs += dayMs) {
    for (const row of ledger(book, market, atMs, atMs + dayMs)) {
      const { market: _m, unit: _u, startsAtMs, ...sum } = row;
      seconds.push({ startsAtMs, sum });
    }
  }
  expect(seconds.length).toBeGreaterThan(30_000);
  for (const unit of [1, 3, 5, 10, 15, 30, 60, 240, "d", "w", "mo"] as Unit[]) {
    const expected = new Map<number, Sum>();
    for (const { startsAtMs, sum } of seconds) {
      const bucket = bucketStartMs(unit, startsAtMs);
      if (bucket < sinceMs) continue;
      const before = expected.get(bucket);
      expected.set(
        bucket,
        before === undefined ? sum : {
          open: before.open,
          high: before.high > sum.high ? before.high : sum.high,
          low: before.low < sum.low ? before.low : sum.low,
          close: sum.close,
          volume: before.volume + sum.volume,
          askVolume: before.askVolume + sum.askVolume,
          turnover: before.turnover + sum.turnover,
          lastTickAtMs: Math.max(before.lastTickAtMs, sum.lastTickAtMs),
        },
      );
    }
    const last = unit === "w" ? Date.UTC(2026, 9, 26) : Date.UTC(2026, 10, 1);
    const buckets = [...expected.keys()].filter((start) => start < last).slice(-300);
    for (const start of buckets) {
      const { market: _m, unit: _u, startsAtMs: _s, ...sum } = candleAt(
        book,
        market,
        unit,
        start,
        far,
      )!;
      expect(sum).toEqual(expected.get(start));
    }
    expect(buckets.length).toBeGreaterThan(0);
  }
}, 240_000);

test("ledger() has one row for each second with trades and none for others, equal to the fold of its trades", () => {
  const rows = ledger(book, "KRW-ETH", nowMs - 600_000, nowMs);
  const seconds = new Map<number, Trade[]>();
  for (const trade of book.trades("KRW-ETH", nowMs - 600_000, nowMs)) {
    const start = bucketStartMs("s", trade.timeMs);
    seconds.set(start, [...(seconds.get(start) ?? []), trade]);
  }
  expect(rows.map((row) => row.startsAtMs)).toEqual([...seconds.keys()]);
  for (const row of rows) expect(row).toMatchObject(fold(seconds.get(row.startsAtMs)!)!);
});

test("candlesBefore() skips empty intervals, newest first, and lastTrade() finds what they skip", () => {
  const quiet = markets.at(-1)!;
  const found = candlesBefore(book, quiet, "s", nowMs, 50, nowMs);
  const all = ledger(book, quiet, nowMs - dayMs, nowMs).reverse();
  expect(found).toEqual(all.slice(0, 50));
});

test("prices lie on the KRW grid and volumes are above 0", () => {
  for (const market of markets.slice(0, 250)) {
    for (const { price, volume } of book.trades(market, nowMs - 60_000, nowMs)) {
      expect(price % tickUnits(market, Number(price) / 1e8)).toBe(0n);
      expect(volume > 0n).toBe(true);
    }
  }
});

test("trading is spread as on the exchange: KRW-BTC in most seconds, most markets a few times a minute or less", () => {
  const counts = markets.map((market) => book.trades(market, nowMs - 600_000, nowMs).length / 10);
  const seconds = ledger(book, "KRW-BTC", nowMs - 600_000, nowMs).length;
  expect(seconds).toBeGreaterThan(350);
  expect(counts.filter((perMinute) => perMinute < 10).length).toBeGreaterThan(markets.length / 3);
  const tickers = counts.reduce((a, b) => a + b) / 60;
  let candles = 0;
  for (const market of markets) candles += ledger(book, market, nowMs - 600_000, nowMs).length;
  expect(tickers + candles / 600).toBeGreaterThan(100);
  expect(tickers + candles / 600).toBeLessThan(400);
});

test("the rate multiplies trading", () => {
  const busy = new SimulatedBook({ ...settings, markets: { KRW: 30 }, rate: 20 });
  const names = busy.names(nowMs).map((name) => name.market);
  const count = (from: SimulatedBook) =>
    names.reduce((n, market) => n + from.trades(market, nowMs - 600_000, nowMs).length, 0);
  expect(count(busy) / count(book)).toBeGreaterThan(12);
  expect(count(busy) / count(book)).toBeLessThan(30);
});

test("late trades: their share is as set, they change nothing but when they count, at most 1.5 s after the second", () => {
  const never = new SimulatedBook({ ...settings, lateShare: 0 });
  const often = new SimulatedBook({ ...settings, lateShare: 0.2 });
  const [a, b] = [never, often].map((from) => from.trades("KRW-XRP", nowMs - 600_000, nowMs));
  const plain = ({ timeMs, price, volume, side, sequentialId }: Trade) =>
    [timeMs, price, volume, side, sequentialId].join();
  expect(a!.map(plain)).toEqual(b!.map(plain));
  const lateBy = (t: Trade) => t.countedMs - bucketStartMs("s", t.timeMs) - 1000;
  expect(a!.every((trade) => lateBy(trade) < 7)).toBe(true);
  const late = b!.filter((trade) => lateBy(trade) >= 7);
  expect(late.length / b!.length).toBeGreaterThan(0.15);
  expect(late.length / b!.length).toBeLessThan(0.25);
  expect(Math.max(...late.map(lateBy))).toBeLessThanOrEqual(1500);
});

test("sequential ids are unique, 17 digits, and ordered as the trades are", () => {
  const ids = book.trades("KRW-BTC", nowMs - 600_000, nowMs).map((trade) => trade.sequentialId);
  expect(ids.every((id) => /^\d{17}$/.test(id))).toBe(true);
  expect(ids).toEqual([...new Set(ids)].sort());
});

test("extremes() are those of the 363 days before, found without summing them all", () => {
  for (const market of [markets[3]!, markets[120]!]) {
    const today = bucketStartMs("d", nowMs);
    const days = candlesBefore(book, market, "d", today, 363, today + dayMs);
    const inYear = days.filter((day) => day.startsAtMs >= today - 363 * dayMs);
    const all = inYear.map((day) => ({ dayMs: day.startsAtMs, low: 0n, high: 10n ** 30n }));
    const sums = new Map(inYear.map((day) => [day.startsAtMs, day]));
    expect(book.extremes(market, today)).toEqual(extremesOf(all, (day) => sums.get(day)));
  }
});
