import type { Candle } from "./candle.ts";
import type { Decimal } from "./decimal.ts";

/** What is compared of a candle. The time of the last tick is not: it is no part of what was traded. */
const FIELDS = ["open", "high", "low", "close", "volume", "turnover"] as const;
export type ComparedField = (typeof FIELDS)[number];

/** How our candle stands to the exchange's of the same identity. */
export type Verdict =
  | { readonly kind: "match" }
  /** Equal but for the turnover, which the exchange's REST interface states as a float64. */
  | { readonly kind: "match, exchange rounded" }
  | { readonly kind: "differ"; readonly fields: readonly ComparedField[] }
  | { readonly kind: "missing here" }
  | { readonly kind: "missing there" };

export interface Compared {
  readonly startsAtMs: number;
  readonly ours: Candle | null;
  readonly theirs: Candle | null;
  readonly verdict: Verdict;
}

/**
 * Compares two lists of candles of one market and interval, both already cut to the same window.
 *
 * @returns one verdict for each bucket that either side has, ascending
 */
export function compareCandles(
  ours: readonly Candle[],
  theirs: readonly Candle[],
): readonly Compared[] {
  const oursByStart = new Map(ours.map((candle) => [candle.startsAtMs, candle]));
  const theirsByStart = new Map(theirs.map((candle) => [candle.startsAtMs, candle]));
  return [...new Set([...oursByStart.keys(), ...theirsByStart.keys()])].sort((a, b) => a - b)
    .map((startsAtMs) => {
      const our = oursByStart.get(startsAtMs) ?? null;
      const their = theirsByStart.get(startsAtMs) ?? null;
      return { startsAtMs, ours: our, theirs: their, verdict: verdict(our, their) };
    });
}

function verdict(ours: Candle | null, theirs: Candle | null): Verdict {
  if (ours === null) return { kind: "missing here" };
  if (theirs === null) return { kind: "missing there" };
  const fields = FIELDS.filter((field) => ours[field] !== theirs[field]);
  if (fields.length === 0) return { kind: "match" };
  if (
    fields.length === 1 && fields[0] === "turnover" && sameDouble(ours.turnover, theirs.turnover)
  ) {
    return { kind: "match, exchange rounded" };
  }
  return { kind: "differ", fields };
}

/** The one place where a decimal becomes a float: to see what the exchange's own rounding made of it. */
function sameDouble(exact: Decimal, rounded: Decimal): boolean {
  return Number(exact) === Number(rounded);
}
