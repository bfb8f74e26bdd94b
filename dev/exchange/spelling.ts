/**
 * How the exchange writes numbers (UPBIT.md 3 and 8). All from fixed point; a binary float appears only where the exchange itself
 * uses one: the turnover of its REST answers.
 */

/** `142009000.00000000`: all the digits. */
export function fixed(value: bigint, digits: number): string {
  const text = (value < 0n ? -value : value).toString().padStart(digits + 1, "0");
  const split = text.length - digits;
  return `${value < 0n ? "-" : ""}${text.slice(0, split)}.${text.slice(split)}`;
}

/** SIMPLE's `149000000.0`, `0.00033557`: no zeros at the end, but always a fraction. */
export function short(value: bigint, digits: number): string {
  const text = fixed(value, digits);
  let end = text.length;
  while (text[end - 1] === "0" && text[end - 2] !== ".") end--;
  return text.slice(0, end);
}

/** `149000000`, `0.00033557`: the canonical decimal of the ledger, no zeros at the end, no lone point. */
export function canonical(value: bigint, digits: number): string {
  const text = short(value, digits);
  return text.endsWith(".0") ? text.slice(0, -2) : text;
}

/** The nearest float64 with at least eight digits after the point: `2511125524827.97360000`. No exponent. */
export function float64(value: bigint, digits: number): string {
  const text = String(Number(fixed(value, digits)));
  // Below 10⁻⁶ (and from 10²¹ on) JavaScript writes an exponent: eight significant digits are there after the point anyway.
  if (text.includes("e")) return fixed(value, digits);
  const [whole, fraction = ""] = text.split(".");
  return `${whole}.${fraction.padEnd(8, "0")}`;
}

/** a ÷ b with ten digits, rounded half up, as a whole number of 10⁻¹⁰: the exchange's change rates. */
export function ratio(a: bigint, b: bigint): bigint {
  const scaled = (a < 0n ? -a : a) * 20_000_000_000n / b;
  const rounded = (scaled + 1n) / 2n;
  return a < 0n ? -rounded : rounded;
}

/** Drops digits, rounding half up: 16 digits of turnover to the 8 that tickers carry. */
export function rounded(value: bigint, dropDigits: number): bigint {
  const unit = 10n ** BigInt(dropDigits);
  return (value + unit / 2n) / unit;
}
