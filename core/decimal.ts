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

/** Already canonical, the common case: skips the rebuild. */
const CANONICAL = /^(?:0|-?(?:[1-9]\d{0,23}(?:\.\d{0,19}[1-9])?|0\.\d{0,19}[1-9]))$/;

/** Without an exponent, as the stream's DEFAULT format spells every number: only zeros at the end may have to go. */
const PLAIN = /^-?(?:0|[1-9]\d{0,23})\.\d{1,20}$/;

/**
 * The canonical form of a number's text, without any binary float on the way: `142009000.00000000` → `142009000`,
 * `7.9276E-4` → `0.00079276`.
 *
 * @throws Failure `decimal_invalid` (not a JSON number), `decimal_too_long` (over 24 integer or 20 fraction digits)
 */
export function decimal(text: string): Decimal {
  if (CANONICAL.test(text)) return text as Decimal;
  if (PLAIN.test(text)) return withoutTrailingZeros(text);
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

function withoutTrailingZeros(plain: string): Decimal {
  let end = plain.length;
  while (plain.charCodeAt(end - 1) === 48) end--;
  if (plain.charCodeAt(end - 1) === 46) end--;
  const text = plain.slice(0, end);
  return (text === "-0" ? ZERO : text) as Decimal;
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
  const left = scaled(a);
  const right = scaled(b);
  return left < right ? -1 : left > right ? 1 : 0;
}
