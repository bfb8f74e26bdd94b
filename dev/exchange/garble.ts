import { type GarbleForm, garbleForms } from "./fault.ts";

/**
 * Spoils a frame's text, DEFAULT or SIMPLE, in a list or not.
 *
 * @param form how; one by chance where undefined
 */
export function garbled(text: string, form: GarbleForm | undefined, chance: () => number): string {
  return spoil[form ?? pick(garbleForms, chance)](text, chance);
}

const spoil: Readonly<Record<GarbleForm, (text: string, chance: () => number) => string>> = {
  /** Cut anywhere: never JSON. */
  truncated: (text, chance) => text.slice(0, Math.floor(chance() * (text.length - 1))),
  /** JSON, but a number is a text, an object, a boolean or null, or the whole frame something else. */
  wrong_type: (text, chance) => {
    const other = pick(['"many"', "{}", "true", "null", "[]", null], chance);
    return other === null
      ? pick(["7", '"hello"', "null", "[]", "{}"], chance)
      : put(text, other, chance);
  },
  /** A number that no market has, or none that a table can hold. */
  absurd: (text, chance) =>
    put(
      text,
      pick(["-1.0", "1e400", "9".repeat(40) + ".0", `0.${"0".repeat(60)}1`], chance),
      chance,
    ),
  /** A thousand years ahead, as consistently as a broken clock would say it. */
  future: (text) =>
    text
      .replace(/("(?:candle_date_time_(?:utc|kst)|cdttm[uk])":")\d{4}/g, "$13025")
      .replace(/("(?:trade_date|tdt)":")\d{4}/g, "$13025")
      .replace(/("(?:(?:trade_)?timestamp|t?tms)":)\d+/g, `$1${Date.UTC(3025, 0, 1)}`),
  /** What some writers of JSON make of a division by zero. */
  nan: (text, chance) => put(text, pick(["NaN", "Infinity", "-Infinity"], chance), chance),
};

/** Puts a text in the place of one price, volume or turnover. */
function put(text: string, value: string, chance: () => number): string {
  const numbers = [
    ...text.matchAll(/"(?:\w+_(?:price|volume)|op|hp|lp|tp|tv|catv|catp|atv|atp)":(-?[\d.]+)/g),
  ];
  if (numbers.length === 0) return value;
  const found = pick(numbers, chance);
  const end = found.index + found[0].length;
  return text.slice(0, end - found[1]!.length) + value + text.slice(end);
}

function pick<T>(from: readonly T[], chance: () => number): T {
  return from[Math.floor(chance() * from.length)]!;
}
