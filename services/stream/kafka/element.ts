import type { Origin } from "#core/candle.ts";
import { type CandleEvent, candleEvent } from "#core/event/candle_event.ts";
import { type TickerEvent, tickerEvent } from "#core/event/ticker_event.ts";
import { Failure, shown } from "#core/failure.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { HEADERS } from "#core/topics.ts";
import { readCandle } from "#core/upbit/candle_message.ts";
import type { Element } from "#core/upbit/fields.ts";
import { readTicker } from "#core/upbit/ticker_message.ts";

/** A record as far as reading its element needs it. */
export interface ElementRecord {
  readonly key: string | null;
  readonly value: { toString(): string } | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** @throws Failure when the record is not a second of the market that is its key */
export function candleOf(record: ElementRecord): CandleEvent {
  const candle = readCandle(elementOf(record));
  if (candle.interval !== "1s") {
    throw new Failure("interval_unexpected", `${candle.interval} among the seconds`);
  }
  assertKey(record, candle.market);
  return candleEvent(candle, receivedAtOf(record), originOf(record));
}

/** @throws Failure when the record is not a ticker of the market that is its key */
export function tickerOf(record: ElementRecord): TickerEvent {
  const ticker = readTicker(elementOf(record));
  assertKey(record, ticker.market);
  return tickerEvent(ticker, receivedAtOf(record));
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

function elementOf({ value }: ElementRecord): Element {
  if (value === null) throw new Failure("element_unreadable", "a record without a value");
  return parseElement(value.toString());
}

function assertKey({ key }: ElementRecord, market: string): void {
  if (key !== market) {
    throw new Failure("key_mismatch", `the key is ${shown(key)}, the element's market ${market}`);
  }
}

function receivedAtOf({ headers }: ElementRecord): number {
  const text = headers[HEADERS.receivedAt] ?? "";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Failure("header_invalid", `${HEADERS.receivedAt} is ${shown(text)}`);
}

function originOf({ headers }: ElementRecord): Origin {
  const text = headers[HEADERS.origin];
  if (text === "websocket" || text === "replay") return text;
  throw new Failure("header_invalid", `${HEADERS.origin} is ${shown(text)}`);
}
