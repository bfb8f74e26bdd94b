import type { Interval } from "#core/interval.ts";
import type { Language } from "./words.ts";

type Unit = "s" | "m" | "h" | "d" | "w" | "mo";

const KOREAN: Readonly<Record<Unit, string>> = {
  s: "초",
  m: "분",
  h: "시간",
  d: "일",
  w: "주",
  mo: "월",
};

const ENGLISH: Readonly<Record<Unit, string>> = {
  s: "second",
  m: "minute",
  h: "hour",
  d: "day",
  w: "week",
  mo: "month",
};

function partsOf(interval: Interval): { readonly count: string; readonly unit: Unit } {
  const [, count, unit] = /^(\d+)(\w+)$/.exec(interval)!;
  return { count: count!, unit: unit as Unit };
}

/** As short as a button: `1분`, `4시간`, `일`; `1m`, `4h`, `1D`. A minute is a small m, a month a great one. */
export function intervalText(interval: Interval, language: Language): string {
  const { count, unit } = partsOf(interval);
  const long = unit === "d" || unit === "w" || unit === "mo";
  if (language === "ko") return long ? KOREAN[unit] : `${count}${KOREAN[unit]}`;
  return long ? `${count}${unit.charAt(0).toUpperCase()}` : interval;
}

/** To be read aloud: `1분봉`, `일봉`; `1 minute`, `4 hours`. */
export function intervalName(interval: Interval, language: Language): string {
  const { count, unit } = partsOf(interval);
  if (language === "ko") return `${intervalText(interval, "ko")}봉`;
  return `${count} ${ENGLISH[unit]}${count === "1" ? "" : "s"}`;
}
