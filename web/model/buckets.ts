import { bucketEndMs, bucketStartMs, type Interval } from "#core/interval.ts";

const LONG: ReadonlySet<Interval> = new Set<Interval>(["1d", "1w", "1mo"]);

/** Whether buckets are whole days of the exchange, which start at 00:00 UTC: 09:00 in Korea, on the same date. */
export function countsDays(interval: Interval): boolean {
  return LONG.has(interval);
}

/** Length of a bucket for scales, ms: of a month, the longest. */
export function bucketLengthMs(interval: Interval): number {
  return bucketEndMs(interval, 0) - bucketStartMs(interval, 0);
}

/** Where a bar stands: a month's own middle, since months are not equally long. */
export function bucketMiddleMs(interval: Interval, startsAtMs: number): number {
  return (startsAtMs + bucketEndMs(interval, startsAtMs)) / 2;
}

/** Start of the bucket `by` buckets later, or earlier. */
export function bucketSteps(interval: Interval, startsAtMs: number, by: number): number {
  let atMs = bucketStartMs(interval, startsAtMs);
  for (let n = 0; n < by; n++) atMs = bucketEndMs(interval, atMs);
  for (let n = 0; n > by; n--) atMs = bucketStartMs(interval, atMs - 1);
  return atMs;
}
