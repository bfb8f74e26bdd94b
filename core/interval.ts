import { Failure, shown } from "./failure.ts";

/** Every candle length, shortest first. */
export const INTERVALS = [
  "1s",
  "1m",
  "3m",
  "5m",
  "10m",
  "15m",
  "30m",
  "1h",
  "4h",
  "1d",
  "1w",
  "1mo",
] as const;

export type Interval = (typeof INTERVALS)[number];

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

/** Lengths in ms of the intervals whose buckets are all equally long; a month has none. */
const LENGTH_MS: Readonly<Record<Exclude<Interval, "1mo">, number>> = {
  "1s": SECOND,
  "1m": MINUTE,
  "3m": 3 * MINUTE,
  "5m": 5 * MINUTE,
  "10m": 10 * MINUTE,
  "15m": 15 * MINUTE,
  "30m": 30 * MINUTE,
  "1h": HOUR,
  "4h": 4 * HOUR,
  "1d": DAY,
  "1w": WEEK,
};

/** 1970-01-05, the first Monday after the epoch: weeks start on Monday, UTC. */
const MONDAY_MS = 4 * DAY;

/** @throws Failure `interval_invalid` */
export function interval(text: string): Interval {
  if (!(INTERVALS as readonly string[]).includes(text)) {
    throw new Failure(
      "interval_invalid",
      `${shown(text)} is not an interval; use one of ${INTERVALS.join(", ")}`,
    );
  }
  return text as Interval;
}

/**
 * Start (ms since the epoch) of the bucket that holds `timeMs`, on the exchange's grid: UTC; a day starts at 00:00 UTC
 * (09:00 KST), 4h at 00/04/08…, a week on Monday, a month on the first.
 */
export function bucketStartMs(interval: Interval, timeMs: number): number {
  if (interval === "1mo") {
    const date = new Date(timeMs);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  }
  const lengthMs = LENGTH_MS[interval];
  const originMs = interval === "1w" ? MONDAY_MS : 0;
  return Math.floor((timeMs - originMs) / lengthMs) * lengthMs + originMs;
}

/** End (exclusive, ms) of the bucket that starts at `startsAtMs`. */
export function bucketEndMs(interval: Interval, startsAtMs: number): number {
  if (interval === "1mo") {
    const date = new Date(startsAtMs);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
  }
  return startsAtMs + LENGTH_MS[interval];
}

/** The level each interval is folded from; seconds come from the exchange. Every parent's buckets tile its child's. */
export const FOLDED_FROM: Readonly<Record<Exclude<Interval, "1s">, Interval>> = {
  "1m": "1s",
  "3m": "1m",
  "5m": "1m",
  "10m": "5m",
  "15m": "5m",
  "30m": "15m",
  "1h": "30m",
  "4h": "1h",
  "1d": "4h",
  "1w": "1d",
  "1mo": "1d",
};
