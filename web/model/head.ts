import { bucketEndMs, bucketStartMs, type Interval } from "#core/interval.ts";

/** A market whose newest candle is this many buckets old is shown from that candle, not from an empty now. */
const QUIET_BUCKETS_MAX = 90;

/**
 * The newest time a chart shows: now, so that a quiet minute looks quiet; but the newest candle's end where that lies far
 * back, as in a replay or for a market that hardly trades.
 */
export function headMs(interval: Interval, lastStartMs: number | null, nowMs: number): number {
  if (lastStartMs === null) return nowMs;
  const lastEndMs = bucketEndMs(interval, lastStartMs);
  const bucketMs = lastEndMs - lastStartMs;
  if (nowMs - lastEndMs > QUIET_BUCKETS_MAX * bucketMs) return lastEndMs;
  // whole buckets, so that the edge moves by buckets and not by pixels; a second is seen once it is over
  const goingOnMs = bucketStartMs(interval, nowMs);
  return Math.max(lastEndMs, interval === "1s" ? goingOnMs : bucketEndMs(interval, goingOnMs));
}
