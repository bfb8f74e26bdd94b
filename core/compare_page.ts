import type { Decimal } from "./decimal.ts";
import type { Interval } from "./interval.ts";
import { isoText } from "./iso_text.ts";
import type { Market } from "./market.ts";
import { agreeingShare, PARITY_VERDICTS } from "./parity.ts";
import type { ParityState } from "./parity_page.ts";

/** Most buckets one answer of `GET /api/compare` is about; older ones are left out. */
export const COMPARE_BUCKETS_MAX = 2_000;

/**
 * How a bucket stands: the verdicts of core/parity.ts, and what has none.
 *
 * - `taken`: our row is the exchange's own. It cannot agree with itself, and is counted apart.
 * - `incomplete`: we did not see all of it.
 * - `pending`: it is not over, or not yet folded.
 * - `not_fetched`: the exchange was not asked for it.
 */
export const COMPARE_VERDICTS = [
  ...PARITY_VERDICTS,
  "taken",
  "incomplete",
  "pending",
  "not_fetched",
] as const;
export type CompareVerdict = (typeof COMPARE_VERDICTS)[number];

/** The verdicts that say that something is wrong. */
export const DIFFERING: readonly CompareVerdict[] = ["differ", "missing_here", "missing_there"];

/** What of a row is compared. */
export const COMPARE_FIELDS = ["open", "high", "low", "close", "volume", "turnover"] as const;
export type CompareRow = Readonly<Record<(typeof COMPARE_FIELDS)[number], Decimal>>;

/** A bucket with both its rows. */
export interface CompareBucket {
  readonly startsAtMs: number;
  readonly verdict: CompareVerdict;
  /** What the ledger made of it; null where it never differed. */
  readonly state: ParityState | null;
  /** Why it stands so, in a sentence of the ledger. */
  readonly reason: string | null;
  /** When the exchange said so; null where that is not kept. */
  readonly fetchedAtMs: number | null;
  readonly ours: CompareRow | null;
  readonly theirs: CompareRow | null;
}

export interface Stretch {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** So long after its end the exchange's candle of a bucket is settled: before, it is not asked for (`compare_settled()` in sql/). */
export const COMPARE_SETTLED_MS = 30_000;

/** The answer of `GET /api/compare`: a bucket that neither side has is none. */
export interface ComparePage {
  readonly market: Market;
  readonly interval: Interval;
  /** Buckets that start within it; later than what was asked for where more than {@link COMPARE_BUCKETS_MAX} were. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly cut: boolean;
  /** What can be had of the exchange and has not been asked for yet. */
  readonly notFetched: readonly Stretch[];
  /** What begins before it can be had no more; null where it can. */
  readonly givenSinceMs: number | null;
  /** Whether somebody wished for all that is not fetched. */
  readonly wished: boolean;
  /** Oldest first. */
  readonly buckets: readonly CompareBucket[];
}

export type CompareCounts = Readonly<Record<CompareVerdict, number>>;

export function compareCounts(buckets: readonly CompareBucket[]): CompareCounts {
  const counts = Object.fromEntries(COMPARE_VERDICTS.map((verdict) => [verdict, 0])) as Record<
    CompareVerdict,
    number
  >;
  for (const { verdict } of buckets) counts[verdict]++;
  return counts;
}

/** Of what has a verdict, how much agrees: 0 to 1; null where nothing has. */
export function compareShare(counts: CompareCounts): number | null {
  return agreeingShare(
    counts.match + counts.match_rounded,
    counts.differ + counts.missing_here + counts.missing_there,
  );
}

/** Fields in which both rows have other digits. */
export function differingFields(
  { ours, theirs }: Pick<CompareBucket, "ours" | "theirs">,
): readonly (typeof COMPARE_FIELDS)[number][] {
  if (ours === null || theirs === null) return [];
  return COMPARE_FIELDS.filter((field) => ours[field] !== theirs[field]);
}

/** A page as JSON: columns of equal length, decimals with all their digits. */
export function encodeComparePage(page: ComparePage): string {
  const { buckets } = page;
  const counts = compareCounts(buckets);
  const head = JSON.stringify({
    market: page.market,
    interval: page.interval,
    since: isoText(page.sinceMs),
    until: isoText(page.untilMs),
    cut: page.cut,
    not_fetched: page.notFetched.map(({ sinceMs, untilMs }) => ({
      since: isoText(sinceMs),
      until: isoText(untilMs),
    })),
    given_since: page.givenSinceMs === null ? null : isoText(page.givenSinceMs),
    wished: page.wished,
    counts,
    share: compareShare(counts),
  });
  const columns = JSON.stringify({
    starts_at_ms: buckets.map(({ startsAtMs }) => startsAtMs),
    verdict: buckets.map(({ verdict }) => verdict),
    state: buckets.map(({ state }) => state),
    reason: buckets.map(({ reason }) => reason),
    fetched_at_ms: buckets.map(({ fetchedAtMs }) => fetchedAtMs),
  });
  const side = (of: (bucket: CompareBucket) => CompareRow | null): string =>
    `{${
      COMPARE_FIELDS.map((field) =>
        `"${field}":[${buckets.map((bucket) => of(bucket)?.[field] ?? "null")}]`
      )
    }}`;
  return `${head.slice(0, -1)},"columns":${columns.slice(0, -1)},"ours":${
    side(({ ours }) => ours)
  },"theirs":${side(({ theirs }) => theirs)}}}`;
}

const CSV_HEAD = [
  "market",
  "interval",
  "starts_at",
  "verdict",
  "state",
  "differing",
  "fetched_at",
  ...COMPARE_FIELDS.map((field) => `upbit_${field}`),
  ...COMPARE_FIELDS.map((field) => `stofka_${field}`),
  "reason",
];

/** The same as RFC 4180: a line for each bucket, both rows with all their digits, empty where there is none or it is not kept. */
export function encodeCompareCsv({ market, interval, buckets }: ComparePage): string {
  const lines = buckets.map((bucket) => {
    const side = (row: CompareRow | null): string[] =>
      COMPARE_FIELDS.map((field) => row?.[field] ?? "");
    return [
      market,
      interval,
      isoText(bucket.startsAtMs),
      bucket.verdict,
      bucket.state ?? "",
      differingFields(bucket).join(" "),
      bucket.fetchedAtMs === null ? "" : isoText(bucket.fetchedAtMs),
      ...side(bucket.theirs),
      ...side(bucket.ours),
      bucket.reason === null ? "" : `"${bucket.reason.replaceAll('"', '""')}"`,
    ].join(",");
  });
  return `${[CSV_HEAD.join(","), ...lines].join("\r\n")}\r\n`;
}
