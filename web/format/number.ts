import type { Decimal } from "#core/decimal.ts";

/** Minus as typography wants it: as wide as a plus. */
const MINUS = "\u2212";

/** The exact digits, thousands grouped: `142009000` → `142,009,000`, `0.00006119` stays. */
export function grouped(value: Decimal | string): string {
  const negative = value.startsWith("-");
  const unsigned = negative ? value.slice(1) : value;
  const point = unsigned.indexOf(".");
  const whole = point < 0 ? unsigned : unsigned.slice(0, point);
  const fraction = point < 0 ? "" : unsigned.slice(point);
  return (negative ? MINUS : "") + whole.replace(/\B(?=(\d{3})+$)/g, ",") + fraction;
}

/** Grouped, with at least so many fraction digits: a column of prices lines up, no digit is lost. */
export function padded(value: Decimal | string, fractionDigits: number): string {
  const held = fractionDigitsOf(value);
  if (held >= fractionDigits) return grouped(value);
  return grouped(value) + (held === 0 ? "." : "") + "0".repeat(fractionDigits - held);
}

export function fractionDigitsOf(value: Decimal | string): number {
  const point = value.indexOf(".");
  return point < 0 ? 0 : value.length - point - 1;
}

/** A drawing position's price for an axis: rounded to the market's digits. */
export function axisNumber(value: number, fractionDigits: number): string {
  return grouped(value.toFixed(fractionDigits).replace(/^-(?=0(?:\.0*)?$)/, ""));
}

/** `0.0123` → `+1.23%`. Rounded: a ratio is for the eye. */
export function percent(ratio: Decimal): string {
  const value = Number(ratio) * 100;
  const text = Math.abs(value).toFixed(2);
  const sign = Number(text) === 0 ? "" : value > 0 ? "+" : MINUS;
  return `${sign}${grouped(text)}%`;
}

/** With a sign in front: `+1,234`. */
export function signed(value: Decimal): string {
  return value === "0" || value.startsWith("-") ? grouped(value) : `+${grouped(value)}`;
}

/** Turnover of a day at a glance: KRW in millions as Korean exchanges show it, other quotes in their own unit. */
export function turnoverShort(
  value: Decimal,
  quote: string,
): { readonly digits: string; readonly millions: boolean } {
  const amount = Number(value);
  if (quote === "KRW") {
    const millions = amount / 1e6;
    return {
      digits: axisNumber(millions, millions > 0 && millions < 10 ? 1 : 0),
      millions: true,
    };
  }
  return { digits: axisNumber(amount, quote === "BTC" ? 3 : 0), millions: false };
}

/** A day's volume at a glance: `589.399`, `1,490,066M`. */
export function volumeShort(value: Decimal): string {
  const amount = Number(value);
  if (amount >= 1e9) return `${axisNumber(amount / 1e6, 0)}M`;
  return axisNumber(amount, amount >= 1e5 ? 0 : 3);
}
