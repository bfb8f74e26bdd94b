import { dayMs } from "./calendar.ts";
import type { DayBounds, Extremes } from "./extremes.ts";
import type { Listing } from "./listing.ts";
import { PricePath } from "./price_path.ts";
import { hashText, mix } from "./random.ts";
import type { Span } from "./span.ts";
import type { Sum } from "./sum.ts";
import { moveMax } from "./tape.ts";
import { scale, tickUnits } from "./ticks.ts";

const hourMs = 3_600_000;
/** A busy market has more spans an hour, so that tapes stay short and few: divisors of 3600. */
const spansPerHour = [1, 2, 4, 8, 16, 30, 60, 120, 240, 450, 900, 1800];
/** Mean trades that a span should hold at most. */
const spanTradesAim = 2000;

/** A listing with what its trades are made from, and what is kept at hand of them. */
export interface Market {
  readonly listing: Listing;
  readonly seed: number;
  readonly spanMs: number;
  readonly path: PricePath;
  readonly recent: Map<number, Span>;
  /** Sums of closed spans by their start. */
  readonly closed: Map<number, { readonly untilMs: number; readonly sum: Sum | undefined }>;
  extremes: { readonly dayStartMs: number; readonly value: Extremes | null } | undefined;
}

/** A price as a float: for bounds, never for what is sent. */
export function priceOf(units: bigint): number {
  return Number(units) / Number(scale);
}

/** How far from its start a span's price gets, a ratio: a strength is rounded by up to 2^¼. */
export function reachOf(listing: Listing, spanMs: number): number {
  return moveMax * 1.2 * listing.volatility * Math.sqrt(spanMs / dayMs);
}

/** The path's bounds, and beyond them what a tape, a strength's rounding and the grid add. */
export function dayBounds({ listing, path, spanMs }: Market, atMs: number): DayBounds {
  const { low, high } = path.bounds(atMs, atMs + dayMs);
  const reach = reachOf(listing, spanMs);
  // A span's tick may be that of a price somewhat above.
  const tick = tickUnits(listing.market, high * 1.5);
  return {
    dayMs: atMs,
    low: BigInt(Math.floor(low * (1 - reach) * Number(scale))) - 2n * tick,
    high: BigInt(Math.ceil(high * (1 + reach) * Number(scale))) + 2n * tick,
  };
}

export function spanStart(market: Market, atMs: number): number {
  return Math.floor(atMs / market.spanMs) * market.spanMs;
}

/** @param rate multiplies its trades */
export function marketOf(seed: number, listing: Listing, rate: number): Market {
  const own = mix(seed, hashText(listing.market));
  const hourTrades = listing.tradesPerSecond * rate * 3600;
  const pieces = spansPerHour.find((n) => hourTrades / n <= spanTradesAim) ?? 1800;
  const spanMs = hourMs / pieces;
  return {
    listing,
    seed: own,
    spanMs,
    path: new PricePath(own, listing.middle, listing.volatility, spanMs),
    recent: new Map(),
    closed: new Map(),
    extremes: undefined,
  };
}
