import { bucketStartMs } from "#core/interval.ts";
import type { Window } from "./read_batch.ts";

const DAY_MS = 86_400_000;

/** Seconds from this start on are kept: whole UTC days, today and `keptDays` before it. 0 keeps all. */
export function keptSinceMs(nowMs: number, keptDays: number): number | null {
  return keptDays === 0 ? null : bucketStartMs("1d", nowMs) - keptDays * DAY_MS;
}

/** Upbit opened in October 2017: an earlier second is garbage, and each garbage day would be a partition. */
const OLDEST_MS = Date.UTC(2017, 0, 1);

/**
 * The seconds that are taken. A day ahead is allowed: dropping live data because a clock is wrong would be worse than the
 * one partition too many that a garbled time can then make.
 */
export function takenWindow(nowMs: number, keptDays: number): Window {
  return {
    sinceMs: keptSinceMs(nowMs, keptDays) ?? OLDEST_MS,
    untilMs: nowMs + DAY_MS,
  };
}
