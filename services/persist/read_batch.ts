import type { ConsumedBatch, ConsumedRecord } from "#adapters/kafka/records.ts";
import type { Origin } from "#core/candle.ts";
import { candleEvent } from "#core/event/candle_event.ts";
import { tickerEvent } from "#core/event/ticker_event.ts";
import { Failure, shown } from "#core/failure.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { decodeMark } from "#core/mark.ts";
import { type Market, market } from "#core/market.ts";
import { assertTickerTime, Plausibility } from "#core/plausible.ts";
import { HEADERS, KIND_MARK } from "#core/topics.ts";
import { CANDLE_FIELDS, readCandle } from "#core/upbit/candle_message.ts";
import { ElementReader } from "#core/upbit/element_reader.ts";
import type { Element } from "#core/upbit/fields.ts";
import { readListing } from "#core/upbit/listing.ts";
import { readTicker, TICKER_FIELDS } from "#core/upbit/ticker_message.ts";
import { wholeNumber } from "#core/whole_number.ts";
import { doubtOf, holeOf, holeOfRefused, replayedAtOf } from "./sanity.ts";
import type { ListingWork, MarkWork, Refusal, SecondWork, TickerWork, Work } from "./work.ts";

export type RecordKind = "second" | "ticker" | "listing";

const CANDLES = new ElementReader<string>(CANDLE_FIELDS);
const TICKERS = new ElementReader<string>(TICKER_FIELDS);

/** The seconds that are taken, by their start, ms: [sinceMs, untilMs). */
export interface Window {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/**
 * The content of a batch. What cannot be read or believed is a refusal and holds nothing up.
 *
 * @param kind what the batch's topic holds
 * @param plausibility what it has learnt of the topic so far
 */
export function readBatch(
  kind: RecordKind,
  batch: ConsumedBatch,
  window: Window,
  plausibility: Plausibility = new Plausibility(),
): Work {
  const seconds: SecondWork[] = [];
  const marks: MarkWork[] = [];
  const tickers: TickerWork[] = [];
  const listings: ListingWork[] = [];
  const refusals: Refusal[] = [];
  for (const record of batch.records) {
    try {
      if (kind === "listing") listings.push(readListingRecord(record));
      else if (kind === "ticker") tickers.push(readTickerRecord(record));
      else if (record.headers[HEADERS.kind] === KIND_MARK) {
        marks.push({ mark: decodeMark(textOf(record)), record });
      } else {
        const second = readSecondRecord(record);
        const failure = outside(second, window) ?? doubtOf(second, plausibility);
        if (failure === null) seconds.push(second);
        else refusals.push({ record, failure, hole: holeOfRefused(second, failure) });
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      refusals.push({ record, failure: error, hole: kind === "second" ? holeOf(record) : null });
    }
  }
  return { seconds, marks, tickers, listings, refusals };
}

function readSecondRecord(record: ConsumedRecord): SecondWork {
  const candle = readCandle(elementOf(record, CANDLES).element);
  if (candle.interval !== "1s") {
    throw new Failure("candle_not_second", `a ${candle.interval} candle among the seconds`);
  }
  assertKey(record, candle.market);
  return { event: candleEvent(candle, receivedAtMs(record), originOf(record)), record };
}

function readTickerRecord(record: ConsumedRecord): TickerWork {
  const { text, element } = elementOf(record, TICKERS);
  const ticker = readTicker(element);
  assertKey(record, ticker.market);
  const atMs = receivedAtMs(record);
  assertTickerTime(ticker, atMs, replayedAtOf(record));
  return { event: tickerEvent(ticker, atMs), element: text };
}

function readListingRecord(record: ConsumedRecord): ListingWork {
  const seenAtMs = record.headers[HEADERS.receivedAt] === undefined
    ? record.timestampMs
    : receivedAtMs(record);
  if (record.value === null) {
    return { market: market(record.key ?? ""), listing: null, element: "", seenAtMs, record };
  }
  const element = textOf(record);
  const listing = readListing(parsed(element));
  assertKey(record, listing.market);
  return { market: listing.market, listing, element, seenAtMs, record };
}

function outside({ event }: SecondWork, window: Window): Failure | null {
  const { market, startsAtMs } = event;
  if (startsAtMs < window.sinceMs) {
    return new Failure(
      "second_too_old",
      `${market} ${iso(startsAtMs)} is before ${iso(window.sinceMs)}, since when seconds are kept`,
    );
  }
  if (startsAtMs >= window.untilMs) {
    return new Failure(
      "second_in_future",
      `${market} ${iso(startsAtMs)} is more than a day ahead; check this machine's clock`,
    );
  }
  return null;
}

function textOf(record: ConsumedRecord): string {
  if (record.value === null) throw new Failure("record_empty", "the record has no value");
  return record.value.toString("utf8");
}

function elementOf(
  record: ConsumedRecord,
  reader: ElementReader<string>,
): { readonly text: string; readonly element: Element } {
  const quick = record.value === null ? null : reader.read(record.value);
  if (quick !== null) return quick;
  const text = textOf(record);
  return { text, element: parsed(text) };
}

function parsed(text: string): Element {
  let json: unknown;
  try {
    json = parseJsonNumbersAsText(text);
  } catch (error) {
    throw new Failure("record_unreadable", `${shown(text)} is not JSON`, error);
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Element;
  throw new Failure("record_unreadable", `${shown(text)} is not an object`);
}

function assertKey(record: ConsumedRecord, market: Market): void {
  if (record.key !== market) {
    throw new Failure("record_key_wrong", `key ${shown(record.key)} of an element of ${market}`);
  }
}

function receivedAtMs(record: ConsumedRecord): number {
  const text = record.headers[HEADERS.receivedAt];
  const atMs = wholeNumber(text, 14);
  if (!Number.isNaN(atMs)) return atMs;
  throw new Failure(
    "header_invalid",
    `header ${HEADERS.receivedAt} is ${shown(text)}, expected milliseconds since 1970`,
  );
}

function originOf(record: ConsumedRecord): Origin {
  const text = record.headers[HEADERS.origin];
  if (text === "websocket" || text === "replay") return text;
  throw new Failure(
    "header_invalid",
    `header ${HEADERS.origin} is ${shown(text)}, expected websocket or replay`,
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
