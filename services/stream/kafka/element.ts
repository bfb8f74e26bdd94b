import type { Origin } from "#core/candle.ts";
import { type CandleEvent, candleEvent } from "#core/event/candle_event.ts";
import { type TickerEvent, tickerEvent } from "#core/event/ticker_event.ts";
import { Failure, shown } from "#core/failure.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { assertTickerTime, type Plausibility } from "#core/plausible.ts";
import { HEADERS } from "#core/topics.ts";
import { CANDLE_FIELDS, readCandle } from "#core/upbit/candle_message.ts";
import { type Bytes, ElementReader } from "#core/upbit/element_reader.ts";
import type { Element } from "#core/upbit/fields.ts";
import { readTicker, TICKER_FIELDS } from "#core/upbit/ticker_message.ts";
import { wholeNumber } from "#core/whole_number.ts";

const CANDLES = new ElementReader<string>(CANDLE_FIELDS);
const TICKERS = new ElementReader<string>(TICKER_FIELDS);

/** A record as far as reading its element needs it. */
export interface ElementRecord {
  readonly key: string | null;
  readonly value: Bytes | null;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * @param plausibility what it has learnt of the topic so far: what persist does not store is not shown
 * @throws Failure when the record is not a second of the market that is its key, or is not believed
 */
export function candleOf(record: ElementRecord, plausibility: Plausibility): CandleEvent {
  const candle = readCandle(elementOf(record, CANDLES));
  if (candle.interval !== "1s") {
    throw new Failure("interval_unexpected", `${candle.interval} among the seconds`);
  }
  assertKey(record, candle.market);
  const event = candleEvent(candle, receivedAtOf(record), originOf(record));
  const doubt = plausibility.doubt(event, event.receivedAtMs, replayedAtOf(record));
  if (doubt !== null) throw doubt;
  return event;
}

/** @throws Failure when the record is not a ticker of the market that is its key, or is from the future */
export function tickerOf(record: ElementRecord): TickerEvent {
  const ticker = readTicker(elementOf(record, TICKERS));
  assertKey(record, ticker.market);
  const receivedAtMs = receivedAtOf(record);
  assertTickerTime(ticker, receivedAtMs, replayedAtOf(record));
  return tickerEvent(ticker, receivedAtMs);
}

/** @param text an exchange's element @throws Failure `element_unreadable` */
export function parseElement(text: string): Element {
  let value: unknown;
  try {
    value = parseJsonNumbersAsText(text);
  } catch (error) {
    throw new Failure("element_unreadable", `${shown(text)} is not JSON`, error);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Element;
  throw new Failure("element_unreadable", `${shown(text)} is not an element`);
}

function elementOf({ value }: ElementRecord, reader: ElementReader<string>): Element {
  if (value === null) throw new Failure("element_unreadable", "a record without a value");
  return reader.read(value)?.element ?? parseElement(value.toString());
}

function assertKey({ key }: ElementRecord, market: string): void {
  if (key !== market) {
    throw new Failure("key_mismatch", `the key is ${shown(key)}, the element's market ${market}`);
  }
}

function receivedAtOf({ headers }: ElementRecord): number {
  const text = headers[HEADERS.receivedAt];
  const atMs = wholeNumber(text, 15);
  if (!Number.isNaN(atMs)) return atMs;
  throw new Failure("header_invalid", `${HEADERS.receivedAt} is ${shown(text)}`);
}

/** When an operator sent it again from the dead letter, ms; NaN: it is the first time. */
function replayedAtOf({ headers }: ElementRecord): number {
  return wholeNumber(headers[HEADERS.replayedAt], 14);
}

function originOf({ headers }: ElementRecord): Origin {
  const text = headers[HEADERS.origin];
  if (text === "websocket" || text === "replay") return text;
  throw new Failure("header_invalid", `${HEADERS.origin} is ${shown(text)}`);
}
