import { bucketEndMs, type Interval } from "#core/interval.ts";
import { countsDays } from "../model/buckets.ts";
import { clockText, dateText, momentText, type Zone } from "./time.ts";

/** When a bucket is, in words: the part that names it, and what is worth knowing besides. */
export interface BucketTime {
  readonly name: string;
  readonly rest: string;
}

/** `15:04–15:05` of a day; `2026-11-22` and when that day starts: at 09:00 in Korea. */
export function bucketTime(interval: Interval, startsAtMs: number, zone: Zone): BucketTime {
  const date = dateText(startsAtMs, zone);
  const clock = clockText(startsAtMs, zone);
  if (interval === "1s") return { name: clock, rest: date };
  const endsAtMs = bucketEndMs(interval, startsAtMs);
  if (!countsDays(interval)) {
    return { name: `${clock.slice(0, 5)}–${clockText(endsAtMs, zone).slice(0, 5)}`, rest: date };
  }
  return { name: dayName(interval, startsAtMs, zone), rest: `${clock.slice(0, 5)} ${zone}` };
}

function dayName(interval: Interval, startsAtMs: number, zone: Zone): string {
  const date = dateText(startsAtMs, zone);
  if (interval === "1mo") return date.slice(0, 7);
  if (interval === "1d") return date;
  return `${date} – ${dateText(bucketEndMs(interval, startsAtMs) - 1, "UTC").slice(5)}`;
}

/** The label at the crosshair: `11-22 15:04:05`, `11-22 15:04`, `2026-11-22`, `2026-11`. */
export function crosshairTime(interval: Interval, startsAtMs: number, zone: Zone): string {
  if (interval === "1s") return momentText(startsAtMs, zone);
  if (!countsDays(interval)) return momentText(startsAtMs, zone).slice(0, -3);
  return dateText(startsAtMs, zone).slice(0, interval === "1mo" ? 7 : 10);
}
