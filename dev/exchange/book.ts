import { bucketEndMs, bucketStartMs, dayMs, type Unit } from "./calendar.ts";
import { type Sum, sumOfTrades, type Trade } from "./sum.ts";
import type { Extremes } from "./extremes.ts";

/** What can be listed: the fields of `/market/all`. */
export interface Name {
  readonly market: string;
  readonly koreanName: string;
  readonly englishName: string;
}

/**
 * The trades that an exchange has, all of them, past and to come. Socket, REST, ledger and tickers are views of it; each view
 * says as of when it looks, and a trade is seen from its `countedMs` on.
 */
export interface Book {
  /** A recording does not know the day before or the sides of earlier trades: what it does not hold is null in tickers. */
  readonly kind: "simulator" | "replay";
  /** Whether there ever was or will be such a market. */
  has(market: string): boolean;
  /** Markets listed at the moment. */
  names(atMs: number): readonly Name[];
  /** Trades with a time in [sinceMs, untilMs), ordered by (time, sequential id), whenever they are counted. */
  trades(market: string, sinceMs: number, untilMs: number): Trade[];
  /** When every market's trades were that become countable in [sinceMs, untilMs), in no particular order. */
  counted(sinceMs: number, untilMs: number): Counted[];
  /** Sum of the trades with a time in [sinceMs, untilMs) counted by asOfMs; undefined where there is none. */
  sum(market: string, sinceMs: number, untilMs: number, asOfMs: number): Sum | undefined;
  /** Volume and turnover of the same: what tickers ask for again and again with a later sinceMs. */
  traded(market: string, sinceMs: number, untilMs: number, asOfMs: number): Traded;
  /** The last trade before the moment, in trade order, counted by asOfMs. */
  lastTrade(market: string, beforeMs: number, asOfMs: number): Trade | undefined;
  /** Close of the UTC day before the moment; null where the book does not know. */
  previousClose(market: string, atMs: number, asOfMs: number): bigint | null;
  /** Highest and lowest of the 363 days before the day: with the day, 52 weeks. Null where the book does not know. */
  extremes(market: string, dayStartMs: number): Extremes | null;
}

/** That a trade becomes countable: without its price, since thousands a second are asked for. */
export type Counted = Pick<Trade, "market" | "timeMs" | "countedMs">;

const hourMs = 3_600_000;

export type Traded = Pick<Sum, "volume" | "turnover">;

export const nothing: Traded = { volume: 0n, turnover: 0n };

export interface Candle extends Sum {
  readonly market: string;
  readonly unit: Unit;
  readonly startsAtMs: number;
}

/** The candle that starts at the moment, as far as it is known. */
export function candleAt(
  book: Book,
  market: string,
  unit: Unit,
  startsAtMs: number,
  asOfMs: number,
): Candle | undefined {
  const sum = book.sum(market, startsAtMs, bucketEndMs(unit, startsAtMs), asOfMs);
  return sum === undefined ? undefined : { market, unit, startsAtMs, ...sum };
}

/** Up to `count` candles that start before the moment, newest first; intervals without trades have none. */
export function candlesBefore(...asked: Parameters<typeof candleSteps>): Candle[] {
  const steps = candleSteps(...asked);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/**
 * The same in steps of some ms: years of months, asked for the first time, are seconds of work, and an exchange goes on sending
 * meanwhile.
 */
export function* candleSteps(
  book: Book,
  market: string,
  unit: Unit,
  beforeMs: number,
  count: number,
  asOfMs: number,
  sinceMs = 0,
): Generator<void, Candle[]> {
  const candles: Candle[] = [];
  // A bucket that starts before the moment counts whole.
  let edgeMs = bucketEndMs(unit, bucketStartMs(unit, beforeMs - 1));
  while (candles.length < count) {
    const last = book.lastTrade(market, edgeMs, asOfMs);
    if (last === undefined) break;
    edgeMs = bucketStartMs(unit, last.timeMs);
    if (edgeMs < sinceMs) break;
    // the book remembers hours' tapes and days' sums
    const endMs = Math.min(bucketEndMs(unit, edgeMs), asOfMs);
    for (let atMs = edgeMs; endMs - edgeMs > hourMs && atMs < endMs; atMs += hourMs) {
      book.sum(market, atMs, atMs + hourMs, asOfMs);
      yield;
      if ((atMs + hourMs) % dayMs === 0 && endMs - edgeMs >= dayMs) {
        book.sum(market, atMs + hourMs - dayMs, atMs + hourMs, asOfMs);
      }
    }
    candles.push(candleAt(book, market, unit, edgeMs, asOfMs)!);
    yield;
  }
  return candles;
}

/** The final candles that start in [sinceMs, untilMs), oldest first: folded trade by trade, by no other way. */
export function ledger(book: Book, market: string, sinceMs: number, untilMs: number): Candle[] {
  const candles: Candle[] = [];
  const firstMs = Math.ceil(sinceMs / 1000) * 1000;
  const endMs = Math.ceil(untilMs / 1000) * 1000;
  let second: Trade[] = [];
  const close = () => {
    const sum = sumOfTrades(second);
    if (sum !== undefined) {
      const startsAtMs = bucketStartMs("s", second[0]!.timeMs);
      candles.push({ market, unit: "s", startsAtMs, ...sum });
    }
    second = [];
  };
  for (const trade of book.trades(market, firstMs, endMs)) {
    const last = second.at(-1);
    if (last && bucketStartMs("s", last.timeMs) !== bucketStartMs("s", trade.timeMs)) close();
    second.push(trade);
  }
  close();
  return candles;
}
