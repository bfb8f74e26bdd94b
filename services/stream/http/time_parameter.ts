import { Failure, shown } from "#core/failure.ts";

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,3})?)?(?:Z|([+ -])(\d\d):(\d\d))$/;
/** 9999-12-31T23:59:59.999Z, the last time both we and PostgreSQL write with four digits. */
const TIME_MS_MAX = 253_402_300_799_999;

/**
 * A time as a request names it: `2026-11-22T09:00:00Z`, `2026-11-22T18:00:00+09:00` (its plus may have become a space), or ms
 * since the epoch.
 *
 * @throws Failure `<name>_invalid`
 */
export function timeParameter(name: string, text: string | null): number | null {
  if (text === null) return null;
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : isoMs(text);
  if (ms >= 0 && ms <= TIME_MS_MAX) return ms;
  throw new Failure(
    `${name}_invalid`,
    `${name} is ${
      shown(text)
    }, expected a time with its zone such as 2026-11-22T09:00:00Z or 2026-11-22T18:00:00%2B09:00, or milliseconds since 1970`,
  );
}

function isoMs(text: string): number {
  const match = ISO.exec(text);
  if (match === null) return NaN;
  const [year, month, day, hour, minute, second, zoneHour, zoneMinute] = [1, 2, 3, 4, 5, 6, 8, 9]
    .map((at) => Number(match[at] ?? 0)) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
  const daysOfMonth = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const real = month >= 1 && month <= 12 && day >= 1 && day <= daysOfMonth && hour <= 23 &&
    minute <= 59 && second <= 59 && zoneHour <= 14 && zoneMinute <= 59;
  return real ? Date.parse(text.replace(" ", "+")) : NaN;
}
