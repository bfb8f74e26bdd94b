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
