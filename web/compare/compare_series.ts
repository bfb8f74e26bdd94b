import type { CompareBucket, CompareRow, CompareVerdict } from "#core/compare_page.ts";
import type { Interval } from "#core/interval.ts";
import { bucketEndMs } from "#core/interval.ts";
import { rollupRevision } from "#core/revision.ts";
import { CandleSeries } from "../model/candle_series.ts";

/** Of these ours is theirs, whose row is then not kept: it was found equal, or was the exchange's in the first place. */
const SAME: ReadonlySet<CompareVerdict> = new Set<CompareVerdict>(["match", "taken"]);

/** One side of a comparison as a chart draws it. */
export function compareSeries(
  interval: Interval,
  buckets: readonly CompareBucket[],
  side: "ours" | "theirs",
): CandleSeries {
  const series = new CandleSeries();
  series.put(buckets.flatMap((bucket) => {
    const row = bucket[side] ?? (SAME.has(bucket.verdict) ? bucket.ours : null);
    return row === null ? [] : [seriesRow(interval, bucket, row)];
  }));
  return series;
}

const REVISION = rollupRevision(0, 0);

function seriesRow(
  interval: Interval,
  { startsAtMs, verdict }: CompareBucket,
  row: CompareRow,
) {
  return {
    startsAtMs,
    ...row,
    lastTickAtMs: startsAtMs,
    receivedAtMs: null,
    origin: null,
    revisions: null,
    revision: REVISION,
    closed: true,
    complete: verdict !== "incomplete" && verdict !== "pending",
    untilMs: bucketEndMs(interval, startsAtMs),
  };
}
