import { dayMs } from "./calendar.ts";
import type { Sum } from "./sum.ts";

/** Highest and lowest price of the last 52 weeks, and the UTC days they were reached on. */
export interface Extremes {
  readonly high: bigint;
  readonly highDayMs: number;
  readonly low: bigint;
  readonly lowDayMs: number;
}

/** What a day's prices cannot leave, known without its trades. */
export interface DayBounds {
  readonly dayMs: number;
  readonly low: bigint;
  readonly high: bigint;
}

/** 52 weeks, today included. */
export const pastDays = 52 * 7 - 1;

/** A day's highest and lowest price. */
export type Reach = Pick<Sum, "high" | "low">;

/**
 * The extremes of many days by branch and bound: days are looked into from the most promising on, until no other day can reach
 * further.
 *
 * @param look the day's reach; what lies within the best so far may be left out of it
 */
export function extremesOf(
  days: readonly DayBounds[],
  look: (dayMs: number, best: Extremes | null) => Reach | undefined,
): Extremes | null {
  let best: Extremes | null = null;
  for (const day of days.toSorted((a, b) => compare(b.high, a.high))) {
    if (best !== null && day.high < best.high) break;
    best = further(best, day.dayMs, look(day.dayMs, best));
  }
  for (const day of days.toSorted((a, b) => compare(a.low, b.low))) {
    if (best !== null && day.low > best.low) break;
    best = further(best, day.dayMs, look(day.dayMs, best));
  }
  return best;
}

/** With one day more: the later day where both are equal. */
export function further(
  best: Extremes | null,
  dayMs: number,
  day: Reach | undefined,
): Extremes | null {
  if (day === undefined) return best;
  if (best === null) return { high: day.high, highDayMs: dayMs, low: day.low, lowDayMs: dayMs };
  const higher = day.high > best.high || (day.high === best.high && dayMs > best.highDayMs);
  const lower = day.low < best.low || (day.low === best.low && dayMs > best.lowDayMs);
  return {
    high: higher ? day.high : best.high,
    highDayMs: higher ? dayMs : best.highDayMs,
    low: lower ? day.low : best.low,
    lowDayMs: lower ? dayMs : best.lowDayMs,
  };
}

/** Starts of the 363 days before the day, from the first that a market was listed on. */
export function daysBefore(todayMs: number, listedAtMs: number): number[] {
  const days: number[] = [];
  for (let day = 1; day <= pastDays; day++) {
    const atMs = todayMs - day * dayMs;
    if (atMs + dayMs > listedAtMs) days.push(atMs);
  }
  return days;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
