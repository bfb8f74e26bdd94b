import type { ConsumedBatch, ConsumedRecord } from "#adapters/kafka/records.ts";
import type { Origin } from "#core/candle.ts";
import { candleEvent } from "#core/event/candle_event.ts";
import { tickerEvent } from "#core/event/ticker_event.ts";
import { Failure, shown } from "#core/failure.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { decodeMark } from "#core/mark.ts";
import { isMarket, type Market, market } from "#core/market.ts";
import { HEADERS, KIND_MARK } from "#core/topics.ts";
import { readCandle } from "#core/upbit/candle_message.ts";
import type { Element } from "#core/upbit/fields.ts";
import { readListing } from "#core/upbit/listing.ts";
import { readTicker } from "#core/upbit/ticker_message.ts";
import type { Hole, ListingWork, MarkWork, Refusal, SecondWork, TickerWork, Work } from "./work.ts";

export type RecordKind = "second" | "ticker" | "listing";

/** The seconds that are taken, by their start, ms: [sinceMs, untilMs). */
export interface Window {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/**
 * The content of a batch. What cannot be read is a refusal and holds nothing up.
 *
 * @param kind what the batch's topic holds
 */
export function readBatch(kind: RecordKind, batch: ConsumedBatch, window: Window): Work {
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
        const failure = outside(second, window);
        if (failure === null) seconds.push(second);
        // too old is no hole: coverage does not reach there. A time in the future is garbled: the true second is missing
        else {
          const hole = failure.code === "second_in_future" ? holeOf(record) : null;
          refusals.push({ record, failure, hole });
        }
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      refusals.push({ record, failure: error, hole: kind === "second" ? holeOf(record) : null });
    }
  }
  return { seconds, marks, tickers, listings, refusals };
}

function readSecondRecord(record: ConsumedRecord): SecondWork {
  const candle = readCandle(elementOf(record));
  if (candle.interval !== "1s") {
    throw new Failure("candle_not_second", `a ${candle.interval} candle among the seconds`);
  }
  assertKey(record, candle.market);
  return { event: candleEvent(candle, receivedAtMs(record), originOf(record)), record };
}

function readTickerRecord(record: ConsumedRecord): TickerWork {
  const element = textOf(record);
  const ticker = readTicker(parsed(element));
  assertKey(record, ticker.market);
  return { event: tickerEvent(ticker, receivedAtMs(record)), element };
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

/**
 * What an unreadable record leaves uncovered. Its second cannot be known, so all it may have been: the wire sends a second
 * about 10 ms after its end and revises it for some seconds.
 */
function holeOf(record: ConsumedRecord): Hole | null {
  const receivedAt = record.headers[HEADERS.receivedAt] ?? "";
  if (!isMarket(record.key)) return null;
  const atMs = /^\d{1,14}$/.test(receivedAt) ? Number(receivedAt) : record.timestampMs;
  return { market: record.key, sinceMs: atMs - HOLE_BEFORE_MS, untilMs: atMs + HOLE_AFTER_MS };
}

const HOLE_BEFORE_MS = 6_000;
const HOLE_AFTER_MS = 1_000;

function textOf(record: ConsumedRecord): string {
  if (record.value === null) throw new Failure("record_empty", "the record has no value");
  return record.value.toString("utf8");
}

function elementOf(record: ConsumedRecord): Element {
  return parsed(textOf(record));
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
  if (text !== undefined && /^\d{1,14}$/.test(text)) return Number(text);
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
