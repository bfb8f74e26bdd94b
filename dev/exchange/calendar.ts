/** The exchange's grid of candles: UTC; weeks begin on Monday, months on the first (UPBIT.md 8). */

/** `s` a second, a number of minutes, `d` a day, `w` a week, `mo` a month, `y` a year. */
export type Unit = "s" | 1 | 3 | 5 | 10 | 15 | 30 | 60 | 240 | "d" | "w" | "mo" | "y";

export const minuteUnits: readonly Unit[] = [1, 3, 5, 10, 15, 30, 60, 240];

export const dayMs = 86_400_000;
const weekMs = 7 * dayMs;
/** 1970-01-01 was a Thursday: the first Monday is four days later. */
const mondayMs = 4 * dayMs;

/** Start of the bucket that holds the moment. */
export function bucketStartMs(unit: Unit, atMs: number): number {
  if (unit === "mo" || unit === "y") {
    const date = new Date(atMs);
    return Date.UTC(date.getUTCFullYear(), unit === "y" ? 0 : date.getUTCMonth(), 1);
  }
  const length = lengthMs(unit);
  const offset = unit === "w" ? mondayMs : 0;
  return Math.floor((atMs - offset) / length) * length + offset;
}

/** End of the bucket, exclusive. */
export function bucketEndMs(unit: Unit, startMs: number): number {
  if (unit === "mo" || unit === "y") {
    const date = new Date(startMs);
    const months = unit === "y" ? 12 : 1;
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1);
  }
  return startMs + lengthMs(unit);
}

function lengthMs(unit: Exclude<Unit, "mo" | "y">): number {
  if (unit === "s") return 1000;
  if (unit === "d") return dayMs;
  if (unit === "w") return weekMs;
  return unit * 60_000;
}

/** `2025-01-02T04:28:05`: no zone suffix, as on the wire. */
export function utcText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19);
}

/** The same moment on a Korean wall clock (UTC+9, no daylight saving). */
export function kstText(ms: number): string {
  return utcText(ms + 9 * 3_600_000);
}
