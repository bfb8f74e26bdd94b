import type { Interval } from "./interval.ts";
import type { Market } from "./market.ts";
import { agreeingShare, type ParityVerdict } from "./parity.ts";

/** One side of a difference: decimals with all their digits. */
export interface ParityRow {
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly turnover: string;
  readonly last_tick_at_ms: number;
}

/**
 * What became of a difference: the exchange is asked again (open); two of its answers contradict our roll-up, whose parts are
 * compared (confirmed), or contradicted our second, which is corrected; or a later answer equals what we have (agreed).
 */
export type ParityState = "open" | "confirmed" | "corrected" | "agreed";

/** A candle that ever differed from the exchange's. */
export interface ParityDifference {
  readonly market: Market;
  readonly interval: Interval;
  readonly starts_at: string;
  /** Of the first answer. */
  readonly verdict: ParityVerdict;
  readonly state: ParityState;
  /** Why it stands so, in a sentence. */
  readonly reason: string;
  /** When the exchange was asked: first, newest. */
  readonly found_at: string;
  readonly fetched_at: string;
  readonly corrected_at: string | null;
  /** As they were at the newest answer, before any correction; null: none there. */
  readonly ours: ParityRow | null;
  readonly theirs: ParityRow | null;
  /** Each answer, oldest first; of more than eight the middle ones are left out. */
  readonly history: readonly {
    readonly fetched_at: string;
    readonly verdict: ParityVerdict;
    readonly ours: ParityRow | null;
    readonly theirs: ParityRow | null;
  }[];
}

/** Compared candles of an interval. */
export interface ParityCount {
  readonly interval: Interval;
  readonly match: number;
  /** Equal but for the turnover, which the exchange states as a float64. */
  readonly match_rounded: number;
  /** Differed at first, and then equalled. */
  readonly agreed: number;
  /** The others of `differences`, corrected ones too. */
  readonly differing: number;
  /** Equal, but folded in part from what the exchange's REST interface gave us: no evidence, and in no share. */
  readonly taken: number;
}

/** The answer of `GET /api/parity`. */
export interface ParityPage {
  /** The stretch that was looked at: candles that start within it. */
  readonly since: string;
  readonly until: string;
  /** Counts are kept by the hour: of hours that begin within [counted_since, until). */
  readonly counted_since: string;
  readonly counts: readonly ParityCount[];
  /**
   * What of one market and interval has no verdict yet, newest first: not asked, not folded, or not ours to compare. Null where
   * several were asked for.
   */
  readonly pending: readonly { readonly since: string; readonly until: string }[] | null;
  /** Newest first. */
  readonly differences: readonly ParityDifference[];
  /** Whether more differences, or more that is pending, older than these, did not fit. */
  readonly more: boolean;
}

/** Most differences one answer holds; the older ones give way. */
export const DIFFERENCES_MAX = 500;
/** Most stretches without a verdict; the older ones give way. */
export const PENDING_MAX = 200;

/** See `agreeingShare`. What differed at first and then equalled agrees; what was corrected differs. */
export function parityShare(counts: readonly ParityCount[]): number | null {
  let equal = 0;
  let differing = 0;
  for (const count of counts) {
    equal += count.match + count.match_rounded + count.agreed;
    differing += count.differing;
  }
  return agreeingShare(equal, differing);
}

/** A page as JSON: numbers carry the digits that are stored. */
export function encodeParityPage(page: ParityPage): string {
  const { differences, ...rest } = page;
  const texts = differences.map(({ ours, theirs, history, ...difference }) => {
    const answers = history.map(({ ours, theirs, ...answer }) =>
      `${open(answer)}"ours":${row(ours)},"theirs":${row(theirs)}}`
    );
    return `${open(difference)}"ours":${row(ours)},"theirs":${row(theirs)},"history":[${answers}]}`;
  });
  const head = { ...rest, share: parityShare(page.counts) };
  return `${open(head)}"differences":[${texts}]}`;
}

/** An object's text that others' fields follow. */
function open(value: object): string {
  return `${JSON.stringify(value).slice(0, -1)},`;
}

function row(value: ParityRow | null): string {
  if (value === null) return "null";
  const { open, high, low, close, volume, turnover, last_tick_at_ms } = value;
  return `{"open":${open},"high":${high},"low":${low},"close":${close},"volume":${volume},"turnover":${turnover},"last_tick_at_ms":${last_tick_at_ms}}`;
}
