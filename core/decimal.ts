import { Failure, shown } from "./failure.ts";

/**
 * A decimal number as canonical text: no exponent, no leading zeros, no trailing fraction zeros, no `-0`.
 * Two canonical texts are equal exactly when the numbers are. Only {@link decimal} makes one.
 */
export type Decimal = string & { readonly __decimal: unique symbol };

/** What a stored number may hold; KRW turnover of a busy month needs 16 integer digits, the wire sends 16 fraction digits. */
export const DECIMAL_INTEGER_DIGITS_MAX = 24;
export const DECIMAL_FRACTION_DIGITS_MAX = 20;

export const ZERO = "0" as Decimal;

/** The grammar of a JSON number, which is the only spelling accepted. */
const JSON_NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/;

/**
 * The canonical form of a number's text, without any binary float on the way: `142009000.00000000` → `142009000`,
 * `7.9276E-4` → `0.00079276`.
 *
 * @throws Failure `decimal_invalid` (not a JSON number), `decimal_too_long` (over 24 integer or 20 fraction digits)
 */
export function decimal(text: string): Decimal {
  const end = plainEnd(text);
  if (end > 0) return (end === text.length ? text : text.slice(0, end)) as Decimal;
  const match = text.length <= 512 ? JSON_NUMBER.exec(text) : null;
  if (match === null) {
    throw new Failure("decimal_invalid", `${shown(text)} is not a decimal number`);
  }
  const [, sign, whole, fraction = "", exponentText = "0"] = match as unknown as string[];
  const digits = whole + fraction;
  const point = whole!.length + Number(exponentText);
  const significant = digits.replace(/^0+/, "");
  if (significant === "") return ZERO;
  const leadingZeros = digits.length - significant.length;
  const trimmed = significant.replace(/0+$/, "");
  /** Position of the decimal point counted from the first significant digit. */
  const integerDigits = point - leadingZeros;
  const fractionDigits = Math.max(0, trimmed.length - integerDigits);
  if (
    integerDigits > DECIMAL_INTEGER_DIGITS_MAX || fractionDigits > DECIMAL_FRACTION_DIGITS_MAX
  ) {
    throw new Failure(
      "decimal_too_long",
      `${
        shown(text)
      } has more than ${DECIMAL_INTEGER_DIGITS_MAX} integer or ${DECIMAL_FRACTION_DIGITS_MAX} fraction digits`,
    );
  }
  const integer = integerDigits <= 0
    ? "0"
    : trimmed.slice(0, integerDigits).padEnd(integerDigits, "0");
  const rest = integerDigits <= 0
    ? "0".repeat(-integerDigits) + trimmed
    : trimmed.slice(integerDigits);
  return (sign + integer + (rest === "" ? "" : `.${rest}`)) as Decimal;
}

/**
 * Where the canonical form of a number ends that needs nothing but its trailing zeros taken away, as the stream's DEFAULT
 * format spells every number; 0 when more is to be done. One look at each character costs half of two expressions.
 */
function plainEnd(text: string): number {
  const { length } = text;
  let at = text.charCodeAt(0) === 45 ? 1 : 0;
  const from = at;
  while (at < length && isDigit(text.charCodeAt(at))) at++;
  const integerDigits = at - from;
  if (integerDigits === 0 || integerDigits > DECIMAL_INTEGER_DIGITS_MAX) return 0;
  const zero = text.charCodeAt(from) === 48;
  if (zero && integerDigits > 1) return 0;
  let end = at;
  if (at < length) {
    if (text.charCodeAt(at) !== 46) return 0;
    const point = at++;
    for (; at < length; at++) {
      const code = text.charCodeAt(at);
      if (!isDigit(code)) return 0;
      if (code !== 48) end = at + 1;
    }
    const fractionDigits = at - point - 1;
    if (fractionDigits === 0 || fractionDigits > DECIMAL_FRACTION_DIGITS_MAX) return 0;
  }
  // -0 and -0.000
  return zero && from === 1 && end === 2 ? 0 : end;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** All fraction digits as an integer: `value × 10^20`. */
function scaled(value: Decimal): bigint {
  const negative = value.startsWith("-");
  const unsigned = negative ? value.slice(1) : value;
  const point = unsigned.indexOf(".");
  const integer = point < 0 ? unsigned : unsigned.slice(0, point);
  const fraction = point < 0 ? "" : unsigned.slice(point + 1);
  const units = BigInt(integer + fraction.padEnd(DECIMAL_FRACTION_DIGITS_MAX, "0"));
  return negative ? -units : units;
}

function unscaled(units: bigint): Decimal {
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(
    DECIMAL_FRACTION_DIGITS_MAX + 1,
    "0",
  );
  const cut = digits.length - DECIMAL_FRACTION_DIGITS_MAX;
  const fraction = digits.slice(cut).replace(/0+$/, "");
  const text = digits.slice(0, cut) + (fraction === "" ? "" : `.${fraction}`);
  return (negative ? `-${text}` : text) as Decimal;
}

/** The exact sum. An empty list sums to 0. */
export function sumDecimals(values: Iterable<Decimal>): Decimal {
  let units = 0n;
  for (const value of values) units += scaled(value);
  return unscaled(units);
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a === b) return 0;
  const negative = a.startsWith("-");
  if (negative !== b.startsWith("-")) return negative ? -1 : 1;
  return negative ? compareUnsigned(b.slice(1), a.slice(1)) : compareUnsigned(a, b);
}

/** Of canonical texts the one with the longer integer is greater; with equal ones text order is number order. */
function compareUnsigned(a: string, b: string): number {
  const longer = integerDigits(a) - integerDigits(b);
  if (longer !== 0) return longer;
  return a < b ? -1 : a > b ? 1 : 0;
}

function integerDigits(unsigned: string): number {
  const point = unsigned.indexOf(".");
  return point < 0 ? unsigned.length : point;
}
