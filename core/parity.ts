import type { Candle } from "./candle.ts";
import type { Decimal } from "./decimal.ts";

/** What is compared of a candle. The time of the last tick is not: it is no part of what was traded. */
const FIELDS = ["open", "high", "low", "close", "volume", "turnover"] as const;
export type ComparedField = (typeof FIELDS)[number];

/** Verdicts as the ledger and its readers name them (sql/0010_parity.sql tells them; a test holds both equal). */
export const PARITY_VERDICTS = [
  "match",
  "match_rounded",
  "differ",
  "missing_here",
  "missing_there",
] as const;
export type ParityVerdict = (typeof PARITY_VERDICTS)[number];

/** `taken`: it is equal, and folded in part from what the exchange's REST interface gave us. */
export const LEDGER_VERDICTS = [...PARITY_VERDICTS, "taken"] as const;
export type LedgerVerdict = (typeof LEDGER_VERDICTS)[number];

/**
 * Of what was compared, how much equals: 0 to 1; null where nothing was. What agrees and is partly the exchange's own is in
 * neither number: it agrees with itself.
 */
export function agreeingShare(equal: number, differing: number): number | null {
  return equal + differing === 0 ? null : equal / (equal + differing);
}

/** How our candle stands to the exchange's of the same identity. */
export type Verdict =
  | { readonly kind: "match" }
  /** Equal but for the turnover, which the exchange's REST interface states as a float64. */
  | { readonly kind: "match_rounded" }
  | { readonly kind: "differ"; readonly fields: readonly ComparedField[] }
  | { readonly kind: "missing_here" }
  | { readonly kind: "missing_there" };

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
  if (ours === null) return { kind: "missing_here" };
  if (theirs === null) return { kind: "missing_there" };
  const fields = FIELDS.filter((field) => ours[field] !== theirs[field]);
  if (fields.length === 0) return { kind: "match" };
  const stepsMax = ours.interval === "1s" ? 0 : ROLLUP_STEPS_MAX;
  if (
    fields.length === 1 && fields[0] === "turnover" &&
    floatSteps(ours.turnover, theirs.turnover) <= stepsMax
  ) {
    return { kind: "match_rounded" };
  }
  return { kind: "differ", fields };
}

/** The exchange adds up float64s for a longer candle: so many steps of one may it be off. */
const ROLLUP_STEPS_MAX = 2;

/**
 * How many float64 lie between two decimals that are not negative: to see what the exchange's own rounding made of ours. The bits
 * of such floats are in the order of their values.
 */
function floatSteps(exact: Decimal, rounded: Decimal): number {
  const steps = bits(exact) - bits(rounded);
  return Number(steps < 0n ? -steps : steps);
}

function bits(value: Decimal): bigint {
  return new BigInt64Array(new Float64Array([Number(value)]).buffer)[0]!;
}
