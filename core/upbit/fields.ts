import { type Decimal, decimal } from "../decimal.ts";
import { Failure, shown } from "../failure.ts";
import { isMarket, type Market } from "../market.ts";
import { wholeNumber } from "../whole_number.ts";

/** One element of a stream frame or a REST answer, its numbers still text. */
export type Element = Readonly<Record<string, unknown>>;

/** Typed access to an element's fields under their long (DEFAULT) or short (SIMPLE) name. */
export class Fields {
  readonly #element: Element;
  readonly #simple: boolean;

  constructor(element: Element) {
    this.#element = element;
    this.#simple = !("type" in element) && "ty" in element;
  }

  raw(long: string, short: string): unknown {
    return this.#element[this.#simple ? short : long];
  }

  text(long: string, short: string): string {
    const value = this.raw(long, short);
    if (typeof value === "string") return value;
    throw this.#failure(long, value, "a text");
  }

  market(): Market {
    const value = this.raw("code", "cd");
    if (isMarket(value)) return value;
    throw this.#failure("code", value, "a market such as KRW-BTC");
  }

  decimal(long: string, short: string): Decimal {
    const value = this.decimalOrNull(long, short);
    if (value !== null) return value;
    throw this.#failure(long, null, "a number");
  }

  /** Null when the field is null or absent: recordings hold only what their trades knew. */
  decimalOrNull(long: string, short: string): Decimal | null {
    const value = this.raw(long, short);
    if (value === null || value === undefined) return null;
    if (typeof value === "string") return decimal(value);
    throw this.#failure(long, value, "a number");
  }

  /** The same for what was traded: never negative. */
  amountOrNull(long: string, short: string): Decimal | null {
    const value = this.decimalOrNull(long, short);
    if (value === null || !value.startsWith("-")) return value;
    throw this.#failure(long, value, "an amount of 0 or more");
  }

  /** An integer of milliseconds since the epoch. */
  timeMs(long: string, short: string): number {
    const value = this.raw(long, short);
    const time = wholeNumber(value, 14);
    if (time <= TIME_MS_MAX) return time;
    throw this.#failure(long, value, "milliseconds since 1970 as a whole number");
  }

  #failure(name: string, value: unknown, wanted: string): Failure {
    return new Failure("field_invalid", `${name} is ${shown(value)}, expected ${wanted}`);
  }
}

/** The year 5188: the latest time a revision can hold (36⁹ − 1 ms), which PostgreSQL and `Date` hold too. */
const TIME_MS_MAX = 101_559_956_668_415;

const UTC_SECOND = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)$/;

/**
 * `2025-01-02T04:28:05`, UTC without saying so, as ms. `new Date(text)` would read it as local time: nine hours wrong on
 * a Korean host.
 *
 * @throws Failure `time_invalid`
 */
export function utcSecondMs(text: string): number {
  const match = UTC_SECOND.exec(text);
  const ms = match === null ? NaN : Date.parse(`${text}Z`);
  // Date.parse takes 02-30 for 03-02, and 24:00:00 for the next day
  if (match === null || new Date(ms).getUTCDate() !== Number(match[3])) {
    throw new Failure(
      "time_invalid",
      `${shown(text)} is not a UTC time such as 2025-01-02T04:28:05`,
    );
  }
  return ms;
}
