import type { Listing } from "./listing.ts";
import { normal, unit } from "./random.ts";

const hourMs = 3_600_000;
/** Trading around the UTC day, by hour: Korea's morning (00 UTC) and late evening (14 UTC) are busy, its night (19) is not. */
const dayCurve = [
  1.5,
  1.3,
  1.1,
  1,
  0.95,
  0.9,
  0.95,
  1,
  1.05,
  1.05,
  1,
  1.05,
  1.15,
  1.25,
  1.35,
  1.3,
  1.1,
  0.8,
  0.65,
  0.55,
  0.55,
  0.65,
  0.85,
  1.1,
];

/**
 * How many trades a market has in a span.
 *
 * @param seed the market's
 * @param rate multiplies it
 */
export function tradeCount(
  listing: Listing,
  seed: number,
  rate: number,
  startMs: number,
  spanMs: number,
): number {
  if (startMs + spanMs <= listing.listedAtMs) return 0;
  const hour = Math.floor(startMs / hourMs);
  const mood = 0.35 * normal(seed, Math.floor(hour / 24), 5) + 0.35 * normal(seed, hour, 6) +
    0.3 * normal(seed, startMs / spanMs, 8);
  const expected = listing.tradesPerSecond * rate * (spanMs / 1000) * dayCurve[hour % 24]! *
    Math.exp(mood);
  if (expected < 1) return unit(seed, startMs / spanMs, 7) < expected ? 1 : 0;
  // Counts come in half powers of two, so that tapes are shared.
  return Math.min(65_536, Math.round(2 ** (Math.round(2 * Math.log2(expected)) / 2)));
}
