/** The zones offered; both are fixed, so plain arithmetic does what Intl would do much slower for each axis label. */
export type Zone = "KST" | "UTC";

export const ZONE_OFFSET_MS: Readonly<Record<Zone, number>> = { KST: 9 * 3_600_000, UTC: 0 };

interface Parts {
  readonly date: string;
  readonly monthDay: string;
  readonly hours: string;
  readonly minutes: string;
  readonly seconds: string;
  readonly millis: string;
}

function parts(timeMs: number, zone: Zone): Parts {
  const iso = new Date(timeMs + ZONE_OFFSET_MS[zone]).toISOString();
  return {
    date: iso.slice(0, 10),
    monthDay: iso.slice(5, 10),
    hours: iso.slice(11, 13),
    minutes: iso.slice(14, 16),
    seconds: iso.slice(17, 19),
    millis: iso.slice(20, 23),
  };
}

/** `2026-11-22` */
export function dateText(timeMs: number, zone: Zone): string {
  return parts(timeMs, zone).date;
}

/** `15:04:05` */
export function clockText(timeMs: number, zone: Zone): string {
  const { hours, minutes, seconds } = parts(timeMs, zone);
  return `${hours}:${minutes}:${seconds}`;
}

/** `15:04:05.123` */
export function clockMsText(timeMs: number, zone: Zone): string {
  return `${clockText(timeMs, zone)}.${parts(timeMs, zone).millis}`;
}

/** `11-22 15:04:05` */
export function momentText(timeMs: number, zone: Zone): string {
  return `${parts(timeMs, zone).monthDay} ${clockText(timeMs, zone)}`;
}

/** An axis label as short as its step allows: seconds only below a minute; at midnight the date. */
export function axisTimeText(timeMs: number, stepMs: number, zone: Zone): string {
  const { monthDay, date, hours, minutes, seconds } = parts(timeMs, zone);
  if (stepMs >= 365 * 86_400_000) return date.slice(0, 4);
  if (stepMs >= 28 * 86_400_000) return date.slice(0, 7);
  const midnight = hours === "00" && minutes === "00" && seconds === "00";
  if (stepMs >= 86_400_000 || midnight) return monthDay;
  return stepMs < 60_000 ? `${hours}:${minutes}:${seconds}` : `${hours}:${minutes}`;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const STEPS_MS = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 4, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14, 30, 90, 180, 365, 730, 1825].map((count) => count * DAY),
];

/** The smallest step that puts at most `countMax` labels on the span. */
export function axisStepMs(spanMs: number, countMax: number): number {
  return STEPS_MS.find((stepMs) => spanMs / stepMs <= countMax) ?? STEPS_MS.at(-1)!;
}

/** Round times of the zone, a step apart, within [from, to]. */
export function axisTimes(fromMs: number, toMs: number, stepMs: number, zone: Zone): number[] {
  const offsetMs = ZONE_OFFSET_MS[zone];
  const times: number[] = [];
  const first = Math.ceil((fromMs + offsetMs) / stepMs) * stepMs - offsetMs;
  for (let timeMs = first; timeMs <= toMs; timeMs += stepMs) times.push(timeMs);
  return times;
}
