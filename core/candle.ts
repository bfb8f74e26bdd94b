import { compareDecimals, type Decimal } from "./decimal.ts";
import { Failure } from "./failure.ts";
import type { Interval } from "./interval.ts";
import type { Market } from "./market.ts";

/** What the trades of a bucket come to, to the last digit. */
export interface CandleValues {
  readonly open: Decimal;
  readonly high: Decimal;
  readonly low: Decimal;
  readonly close: Decimal;
  /** Traded amount in the base currency (`candle_acc_trade_volume`). */
  readonly volume: Decimal;
  /** Traded amount in the quote currency (`candle_acc_trade_price`). */
  readonly turnover: Decimal;
}

/** What traded in one bucket of one market. Identity: (market, interval, startsAtMs), never lastTickAtMs. */
export interface Candle extends CandleValues {
  readonly market: Market;
  readonly interval: Interval;
  /** Start of the bucket, ms since the epoch, on the exchange's UTC grid. */
  readonly startsAtMs: number;
  /** When the exchange stored the last tick of the candle, ms. May lie after the bucket's end: never bucket by it. */
  readonly lastTickAtMs: number;
}

/** Where a second came from: the exchange's live socket, a replayed recording, or an answer of its REST interface. */
export type Origin = "websocket" | "replay" | "rest";

/** A candle as it reached us. */
export interface ReceivedCandle extends Candle {
  /** When our socket received the frame, ms, on ingest's clock. */
  readonly receivedAtMs: number;
  readonly origin: Origin;
}

/**
 * Refuses a candle that no sequence of trades can produce.
 *
 * @throws Failure `candle_absurd` naming the fields that contradict each other
 */
export function assertPossible(candle: Candle): void {
  const { open, high, low, close, volume, turnover } = candle;
  const complaints: string[] = [];
  if (low.startsWith("-") || low === "0") complaints.push(`low ${low} is not above 0`);
  if (compareDecimals(high, low) < 0) complaints.push(`high ${high} is below low ${low}`);
  for (const [name, price] of [["open", open], ["close", close]] as const) {
    if (compareDecimals(price, high) > 0) complaints.push(`${name} ${price} is above high ${high}`);
    if (compareDecimals(price, low) < 0) complaints.push(`${name} ${price} is below low ${low}`);
  }
  if (volume.startsWith("-")) complaints.push(`volume ${volume} is negative`);
  if (turnover.startsWith("-")) complaints.push(`turnover ${turnover} is negative`);
  if (complaints.length > 0) {
    throw new Failure("candle_absurd", `${candle.market} ${complaints.join(", ")}`);
  }
}
