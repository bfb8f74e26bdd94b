/** How far apart an axis' labels are: a time, or a step of the calendar. Weeks are 7 days from a Monday on. */
export interface AxisStep {
  readonly unit: "ms" | "day" | "month";
  readonly count: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The longest month, so that labels never come closer than wanted. */
const MONTH = 28 * DAY;

/** 1970-01-05: so many days after the epoch weeks start. */
const MONDAY_DAYS = 4;

const step = (unit: AxisStep["unit"]) => (count: number): AxisStep => ({ unit, count });

/** Finest first. */
const STEPS: readonly AxisStep[] = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND).map(step("ms")),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE).map(step("ms")),
  ...[1, 2, 4, 6, 12].map((count) => count * HOUR).map(step("ms")),
  ...[1, 2, 7, 14].map(step("day")),
  ...[1, 2, 3, 6, 12, 24, 60, 120, 240, 600].map(step("month")),
];

const UNIT_MS = { ms: 1, day: DAY, month: MONTH } as const;

/** The finest step that puts at most `countMax` labels on the span and is not finer than a bucket. */
export function axisStep(spanMs: number, countMax: number, bucketMs: number): AxisStep {
  const leastMs = Math.max(spanMs / Math.max(1, countMax), Math.min(bucketMs, MONTH));
  return STEPS.find(({ unit, count }) => count * UNIT_MS[unit] >= leastMs) ?? STEPS.at(-1)!;
}

/**
 * Round times within [from, to], a step apart.
 *
 * @param offsetMs of the zone in which they are round
 */
export function axisTimes(
  fromMs: number,
  toMs: number,
  { unit, count }: AxisStep,
  offsetMs: number,
): number[] {
  const times: number[] = [];
  const push = (localMs: number): void => {
    const timeMs = localMs - offsetMs;
    if (timeMs >= fromMs && timeMs <= toMs) times.push(timeMs);
  };
  const [localFromMs, localToMs] = [fromMs + offsetMs, toMs + offsetMs];
  if (unit === "month") {
    const first = new Date(localFromMs);
    // counted from the year 0, so that steps of 3 are quarters and steps of 12 are years
    let month = first.getUTCFullYear() * 12 + first.getUTCMonth();
    month -= month % count;
    for (let ms = monthMs(month); ms <= localToMs; ms = monthMs(month += count)) push(ms);
    return times;
  }
  const stepMs = count * UNIT_MS[unit];
  const originMs = unit === "day" && count % 7 === 0 ? MONDAY_DAYS * DAY : 0;
  const first = Math.ceil((localFromMs - originMs) / stepMs) * stepMs + originMs;
  for (let ms = first; ms <= localToMs; ms += stepMs) push(ms);
  return times;
}

function monthMs(monthsOfEra: number): number {
  return Date.UTC(Math.floor(monthsOfEra / 12), monthsOfEra % 12, 1);
}

/** As short as its step allows: seconds only below a minute, at midnight the date, in January the year. */
export function axisTimeText(timeMs: number, { unit, count }: AxisStep, offsetMs: number): string {
  const iso = new Date(timeMs + offsetMs).toISOString();
  if (unit === "month") return iso.slice(5, 7) === "01" ? iso.slice(0, 4) : iso.slice(0, 7);
  const midnight = iso.slice(11, 19) === "00:00:00";
  if (unit === "day" || midnight) return iso.slice(5, 10);
  return count < MINUTE ? iso.slice(11, 19) : iso.slice(11, 16);
}
