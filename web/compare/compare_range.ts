import { COMPARE_BUCKETS_MAX, type Stretch } from "#core/compare_page.ts";
import type { Interval } from "#core/interval.ts";
import { type Zone, ZONE_OFFSET_MS } from "../format/time.ts";
import { bucketLengthMs } from "../model/buckets.ts";

/** What is compared: the time before now, as much as an answer holds, or what the reader says. */
export const RANGES = ["hour", "day", "most", "custom"] as const;
export type Range = (typeof RANGES)[number];

const HOUR_MS = 3_600_000;

export function stretchOf(
  range: Exclude<Range, "custom">,
  interval: Interval,
  nowMs: number,
): Stretch {
  const untilMs = Math.floor(nowMs / 1_000) * 1_000;
  const lengthMs = {
    hour: HOUR_MS,
    day: 24 * HOUR_MS,
    most: COMPARE_BUCKETS_MAX * bucketLengthMs(interval),
  }[range];
  return { sinceMs: Math.max(0, untilMs - lengthMs), untilMs };
}

/** As an input of kind `datetime-local` holds it: `2026-11-22T18:00`. */
export function inputText(timeMs: number, zone: Zone): string {
  return new Date(timeMs + ZONE_OFFSET_MS[zone]).toISOString().slice(0, 16);
}

/** Null for what is no time. */
export function inputMs(text: string, zone: Zone): number | null {
  const ms = Date.parse(`${text}Z`) - ZONE_OFFSET_MS[zone];
  return Number.isNaN(ms) || ms < 0 ? null : ms;
}
