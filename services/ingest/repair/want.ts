import type { Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";

/** Why something is wanted; sql/0007_repair.sql says when, and of parity sql/0010_parity.sql. */
export const WANT_KINDS = ["gap", "bucket", "fill", "wish", "parity"] as const;
export type WantKind = (typeof WANT_KINDS)[number];

/** A stretch of a market's candles, [sinceMs, untilMs), that is missing, or to be compared, and that the exchange may still give. */
export interface Want {
  readonly kind: WantKind;
  readonly market: Market;
  readonly interval: Interval;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** @returns what of the want lies before a moment, or null */
export function before(want: Want, untilMs: number): Want | null {
  if (want.untilMs <= untilMs) return want;
  return want.sinceMs < untilMs ? { ...want, untilMs } : null;
}
