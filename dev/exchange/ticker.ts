import { type Book, nothing, type Traded } from "./book.ts";
import { bucketStartMs, dayMs, kstText, utcText } from "./calendar.ts";
import { type Amount, amount, type Field } from "./element.ts";
import { type Extremes, further } from "./extremes.ts";
import { ratio, rounded } from "./spelling.ts";
import type { Sum, Trade } from "./sum.ts";

/** A market's state at a moment. */
export interface Ticker {
  readonly market: string;
  readonly last: Trade;
  /** Trades since 00:00 UTC (09:00 KST); undefined before the day's first. */
  readonly day: Sum | undefined;
  /** Close of the day before; null where nobody knows: a market's first day, and a recording. */
  readonly previousClose: bigint | null;
  /** Trades of the last 24 hours, to the second; null in a recording. */
  readonly day24h: Traded | null;
  readonly extremes: Extremes | null;
  /** When the exchange made it, ms; in a recording the recorded `timestamp` of the last trade. */
  readonly timestampMs: number;
}

function plus(a: Traded, b: Traded = nothing): Traded {
  return { volume: a.volume + b.volume, turnover: a.turnover + b.turnover };
}

/**
 * The market's state as of the moment; undefined before its first trade.
 *
 * @param stepMs by how much the clock goes wrong that stamps it
 */
export function tickerAt(
  book: Book,
  market: string,
  atMs: number,
  stepMs: number,
): Ticker | undefined {
  const last = book.lastTrade(market, atMs + 1, atMs);
  if (last === undefined) return undefined;
  const dayStartMs = bucketStartMs("d", atMs);
  const known = book.kind === "simulator";
  const sinceMs = bucketStartMs("s", atMs) - dayMs;
  const day = book.sum(market, dayStartMs, atMs + 1, atMs);
  return {
    market,
    last,
    day,
    previousClose: book.previousClose(market, atMs, atMs),
    day24h: known ? plus(book.traded(market, sinceMs, dayStartMs, atMs), day) : null,
    extremes: known ? further(book.extremes(market, dayStartMs), dayStartMs, day) : null,
    timestampMs: (known ? atMs : last.storedMs) + stepMs,
  };
}

/** The 30 fields of a WebSocket ticker between `code` and `stream_type`, in the wire's order (docs.upbit.com, websocket-ticker). */
export function streamTicker(ticker: Ticker): Field[] {
  const { last, day, day24h, extremes } = ticker;
  const [open, high, low] = dayPrices(ticker);
  const change = changeOf(ticker);
  const known = ticker.day24h !== null;
  const volume = day?.volume ?? 0n;
  const ask = day?.askVolume ?? 0n;
  return [
    ["opening_price", "op", open],
    ["high_price", "hp", high],
    ["low_price", "lp", low],
    ["trade_price", "tp", amount(last.price, 8)],
    ["prev_closing_price", "pcp", price(ticker.previousClose)],
    ["acc_trade_price", "atp", known ? turnover(day?.turnover ?? 0n) : null],
    ["change", "c", change.word],
    ["change_price", "cp", change.size],
    ["signed_change_price", "scp", change.signed],
    ["change_rate", "cr", change.rate],
    ["signed_change_rate", "scr", change.signedRate],
    ["ask_bid", "ab", last.side],
    ["trade_volume", "tv", amount(last.volume, 8)],
    ["acc_trade_volume", "atv", known ? amount(volume, 8) : null],
    ["trade_date", "tdt", dateText(utcText(last.timeMs))],
    ["trade_time", "ttm", timeText(utcText(last.timeMs))],
    ["trade_timestamp", "ttms", last.timeMs],
    ["acc_ask_volume", "aav", known ? amount(ask, 8) : null],
    ["acc_bid_volume", "abv", known ? amount(volume - ask, 8) : null],
    ["highest_52_week_price", "h52wp", price(extremes?.high ?? null)],
    ["highest_52_week_date", "h52wdt", dayText(extremes?.highDayMs)],
    ["lowest_52_week_price", "l52wp", price(extremes?.low ?? null)],
    ["lowest_52_week_date", "l52wdt", dayText(extremes?.lowDayMs)],
    ["market_state", "ms", known ? "ACTIVE" : null],
    ["is_trading_suspended", "its", known ? false : null],
    ["delisting_date", "dd", null],
    ["market_warning", "mw", known ? "NONE" : null],
    ["timestamp", "tms", ticker.timestampMs],
    ["acc_trade_price_24h", "atp24h", day24h === null ? null : turnover(day24h.turnover)],
    ["acc_trade_volume_24h", "atv24h", day24h === null ? null : amount(day24h.volume, 8)],
  ];
}

/** A row of REST `/ticker`, in the recorded order. */
export function restTicker(ticker: Ticker): Field[] {
  const { last, day, day24h, extremes } = ticker;
  const [open, high, low] = dayPrices(ticker);
  const change = changeOf(ticker);
  const known = ticker.day24h !== null;
  return [
    ["market", "", ticker.market],
    ["trade_date", "", dateText(utcText(last.timeMs))],
    ["trade_time", "", timeText(utcText(last.timeMs))],
    ["trade_date_kst", "", dateText(kstText(last.timeMs))],
    ["trade_time_kst", "", timeText(kstText(last.timeMs))],
    ["trade_timestamp", "", last.timeMs],
    ["opening_price", "", open],
    ["high_price", "", high],
    ["low_price", "", low],
    ["trade_price", "", amount(last.price, 8)],
    ["prev_closing_price", "", price(ticker.previousClose)],
    ["change", "", change.word],
    ["change_price", "", plain(change.size)],
    ["change_rate", "", plain(change.rate)],
    ["signed_change_price", "", plain(change.signed)],
    ["signed_change_rate", "", plain(change.signedRate)],
    ["trade_volume", "", amount(last.volume, 8)],
    ["acc_trade_price", "", known ? amount(day?.turnover ?? 0n, 16, true) : null],
    ["acc_trade_price_24h", "", day24h === null ? null : amount(day24h.turnover, 16, true)],
    ["acc_trade_volume", "", known ? amount(day?.volume ?? 0n, 8) : null],
    ["acc_trade_volume_24h", "", day24h === null ? null : amount(day24h.volume, 8)],
    ["highest_52_week_price", "", price(extremes?.high ?? null)],
    ["highest_52_week_date", "", dayText(extremes?.highDayMs)],
    ["lowest_52_week_price", "", price(extremes?.low ?? null)],
    ["lowest_52_week_date", "", dayText(extremes?.lowDayMs)],
    ["timestamp", "", ticker.timestampMs],
  ];
}

/** Before the day's first trade a day stands at the close of the day before. A recording holds only part of its day: null. */
function dayPrices({ day, day24h, last }: Ticker): [Amount, Amount, Amount] | [null, null, null] {
  if (day24h === null) return [null, null, null];
  const { open, high, low } = day ?? { open: last.price, high: last.price, low: last.price };
  return [amount(open, 8), amount(high, 8), amount(low, 8)];
}

function changeOf({ last, previousClose }: Ticker) {
  if (previousClose === null) {
    return { word: null, size: null, signed: null, rate: null, signedRate: null };
  }
  const change = last.price - previousClose;
  const size = change < 0n ? -change : change;
  return {
    word: change > 0n ? "RISE" : change < 0n ? "FALL" : "EVEN",
    size: amount(size, 8),
    signed: amount(change, 8),
    rate: amount(ratio(size, previousClose), 10),
    signedRate: amount(ratio(change, previousClose), 10),
  };
}

/** REST writes no change as a whole `0` (recorded). */
function plain(value: Amount | null): Amount | number | null {
  return value?.value === 0n ? 0 : value;
}

function price(value: bigint | null): Amount | null {
  return value === null ? null : amount(value, 8);
}

/** Tickers carry eight digits of a turnover (`78039261076.51241000`). */
function turnover(value: bigint): Amount {
  return amount(rounded(value, 8), 8);
}

function dayText(ms: number | undefined): string | null {
  return ms === undefined ? null : utcText(ms).slice(0, 10);
}

function dateText(iso: string): string {
  return iso.slice(0, 10).replaceAll("-", "");
}

function timeText(iso: string): string {
  return iso.slice(11).replaceAll(":", "");
}
