import type { Decimal } from "./decimal.ts";
import type { Market } from "./market.ts";

/**
 * The latest state of a market, as far as we use it; the exchange's element itself is kept whole beside it. A replayed
 * recording knows only what its trades hold, the rest is null.
 */
export interface Ticker {
  readonly market: Market;
  /** Price of the last trade, quote currency. */
  readonly price: Decimal;
  /** Close of the previous UTC day (09:00 KST), the base of change. */
  readonly previousClose: Decimal | null;
  readonly change: "RISE" | "EVEN" | "FALL" | null;
  /** price − previousClose, signed. */
  readonly changePrice: Decimal | null;
  /** changePrice ÷ previousClose, signed, a ratio and not percent. */
  readonly changeRate: Decimal | null;
  /** Highest and lowest price since 00:00 UTC. */
  readonly high: Decimal | null;
  readonly low: Decimal | null;
  /** Sums over the last 24 hours. */
  readonly volume24h: Decimal | null;
  readonly turnover24h: Decimal | null;
  /** Base volume since 00:00 UTC; part of the revision. */
  readonly volumeToday: Decimal | null;
  /** When the exchange made this ticker and when the last trade happened, ms. */
  readonly timestampMs: number;
  readonly tradeTimestampMs: number;
}
