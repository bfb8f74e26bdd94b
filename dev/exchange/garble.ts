import { chanceGarbleForms, type GarbleForm } from "./fault.ts";

/**
 * Spoils a frame's text, DEFAULT or SIMPLE, in a list or not.
 *
 * @param form how; one by chance where undefined
 */
export function garbled(text: string, form: GarbleForm | undefined, chance: () => number): string {
  return spoil[form ?? pick(chanceGarbleForms, chance)](text, chance);
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
  /** High below low. */
  crossed: (text) => text.replace(LOW, (_, name, low) => `${name}${shifted(low, 1)}`),
  /** Open above high. */
  outside: (text) => text.replace(OPEN, (_, name, open) => `${name}${shifted(open, 2)}`),
  /** Every price and the turnover, so that nothing in the candle contradicts it. */
  thousandfold: (text) =>
    text.replace(PRICES, (_, name, price) => `${name}${shifted(price, 3)}`)
      .replace(TURNOVER, (_, name, value) => `${name}${shifted(value, 3)}`),
  /** The turnover of other trades. */
  turnover: (text) => text.replace(TURNOVER, (_, name, value) => `${name}${shifted(value, 1)}`),
  /** Of a market that nobody asked for. */
  stranger: (text) => text.replace(/("(?:code|cd)":"[A-Z]+-)[A-Z0-9]+/, "$1STRANGER"),
};

const LOW = /("(?:low_price|lp)":)([\d.]+)/;
const OPEN = /("(?:opening_price|op)":)([\d.]+)/;
const PRICES = /("(?:opening_price|high_price|low_price|trade_price|op|hp|lp|tp)":)([\d.]+)/g;
const TURNOVER = /("(?:candle_acc_trade_price|catp)":)([\d.]+)/;

/** A number without an exponent, its point so many places further right: exact. */
function shifted(number: string, places: number): string {
  const [whole, fraction = ""] = number.split(".") as [string, string | undefined];
  const digits = fraction.padEnd(places, "0");
  const left = (whole + digits.slice(0, places)).replace(/^0+(?=\d)/, "");
  return digits.length > places ? `${left}.${digits.slice(places)}` : left;
}

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
