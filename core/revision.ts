import { type Decimal, ZERO } from "./decimal.ts";
import { assert } from "./assert.ts";

/**
 * The age of a state as text: of two revisions of the same identity the greater text is the newer one. It is made from
 * content, never from a Kafka offset or a time of arrival: by those a hot spare's late, older copy or a replay would win.
 *
 * Redis, stream and browser only ask {@link newer}. PostgreSQL compares the same columns as one row value; a property
 * test holds both orders equal.
 */
export type Revision = string & { readonly __revision: unique symbol };

/** Whether `a` replaces `b`. Equal replaces nothing. */
export function newer(a: Revision, b: Revision): boolean {
  return a > b;
}

/**
 * Revision of a second candle.
 *
 * @param correctionMs 0, or for a parity correction its fetch time: a correction outranks everything from the wire
 */
export function candleRevision(
  correctionMs: number,
  lastTickAtMs: number,
  volume: Decimal,
): Revision {
  return (time(correctionMs) + time(lastTickAtMs) + amount(volume)) as Revision;
}

/** Revision of a ticker. A recording without a daily volume counts it as 0. */
export function tickerRevision(
  timestampMs: number,
  tradeTimestampMs: number,
  volumeToday: Decimal | null,
): Revision {
  return (time(timestampMs) + time(tradeTimestampMs) + amount(volumeToday ?? ZERO)) as Revision;
}

/** Revision of a roll-up: the database's timeline, then the sequence drawn under the drain's lock. */
export function rollupRevision(timeline: number, sequence: number): Revision {
  return (time(timeline) + time(sequence)) as Revision;
}

const TIME_CHARS = 9;
const TIME_MAX = 36 ** TIME_CHARS - 1;

/** Nine base-36 digits: fixed width, so text order is number order; enough until the year 5188 in ms. */
function time(value: number): string {
  assert(
    Number.isSafeInteger(value) && value >= 0 && value <= TIME_MAX,
    "a revision's time",
    value,
  );
  return value.toString(36).padStart(TIME_CHARS, "0");
}

/**
 * A non-negative decimal in text order: the number of integer digits as one letter, then the digits. Longer integers
 * sort later by the letter; among equals the digits decide, and a fraction that goes on sorts after one that ends.
 * Padding all 44 digits would make every revision three times as long.
 */
function amount(value: Decimal): string {
  assert(!value.startsWith("-"), "a revision's volume", value);
  const point = value.indexOf(".");
  const integerDigits = point < 0 ? value.length : point;
  return String.fromCharCode("a".charCodeAt(0) + integerDigits) + value.replace(".", "");
}
