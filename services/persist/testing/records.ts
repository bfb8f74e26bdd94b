import { Buffer } from "node:buffer";
import type { ConsumedBatch, ConsumedRecord } from "#adapters/kafka/records.ts";
import { encodeMark, type Mark } from "#core/mark.ts";
import { readBatch, type RecordKind } from "../read_batch.ts";
import type { Work } from "../work.ts";

/** 2026-03-01T00:00:00Z, a Sunday, the first day of a month: borders of every interval are near. */
export const START_MS: number = Date.UTC(2026, 2, 1);

export const ALL_TIME = { sinceMs: 0, untilMs: START_MS + 365 * 86_400_000 };

export interface SecondSpec {
  readonly market?: string;
  /** Seconds after START_MS. */
  readonly at?: number;
  readonly price?: string;
  readonly volume?: string;
  readonly tickMs?: number;
  /** Price times volume where they are numbers, unless it is told. */
  readonly turnover?: string;
}

let offset = 0n;

export function record(
  value: string | null,
  key: string | null,
  headers: Readonly<Record<string, string>>,
  topic = "market_candle_1s",
): ConsumedRecord {
  return {
    topic,
    partition: 3,
    offset: offset++,
    timestampMs: START_MS,
    key,
    value: value === null ? null : Buffer.from(value),
    headers,
  };
}

/** An element as the wire spells it. */
export function secondRecord(spec: SecondSpec = {}): ConsumedRecord {
  const { market = "KRW-BTC", at = 0, price = "142009000.00000000", volume = "0.00606119" } = spec;
  const { turnover = product(price, volume) } = spec;
  const startsAtMs = START_MS + at * 1_000;
  const text = new Date(startsAtMs).toISOString().slice(0, 19);
  return record(
    `{"type":"candle.1s","code":"${market}","candle_date_time_utc":"${text}","candle_date_time_kst":"${text}","opening_price":${price},"high_price":${price},"low_price":${price},"trade_price":${price},"candle_acc_trade_volume":${volume},"candle_acc_trade_price":${turnover},"timestamp":${
      startsAtMs + (spec.tickMs ?? 824)
    },"stream_type":"REALTIME"}`,
    market,
    { origin: "websocket", received_at: String(startsAtMs + 1_007), frame: "f1" },
  );
}

function product(price: string, volume: string): string {
  if (`${price}${volume}` === "142009000.000000000.00606119") return "860743.5307100000000000";
  const value = Number(price) * Number(volume);
  return Number.isFinite(value) && Math.abs(value) < 1e20 ? value.toFixed(8) : "1";
}

export function tickerRecord(
  market: string,
  previousClose: string,
  atMs: number,
  volumeToday: string,
): ConsumedRecord {
  return record(
    `{"type":"ticker","code":"${market}","trade_price":101.50000000,"prev_closing_price":${previousClose},"change":"RISE","signed_change_price":1.5,"signed_change_rate":0.015,"high_price":102,"low_price":99,"acc_trade_volume":${volumeToday},"acc_trade_volume_24h":5,"acc_trade_price_24h":500,"timestamp":${atMs},"trade_timestamp":${atMs}}`,
    market,
    { origin: "websocket", received_at: String(atMs + 5) },
    "market_ticker",
  );
}

export function markRecord(mark: Mark): ConsumedRecord {
  return record(encodeMark(mark), null, { kind: "mark" });
}

export function listingRecord(market: string, koreanName: string | null): ConsumedRecord {
  return record(
    koreanName === null
      ? null
      : `{"market":"${market}","korean_name":"${koreanName}","english_name":"Coin"}`,
    market,
    { origin: "websocket", received_at: String(START_MS) },
    "market_listing",
  );
}

export function batch(records: readonly ConsumedRecord[]): ConsumedBatch {
  const { topic, partition } = records[0]!;
  return { topic, partition, records, highWatermark: records.at(-1)!.offset + 1n };
}

export function workOf(kind: RecordKind, ...records: readonly ConsumedRecord[]): Work {
  return readBatch(kind, batch(records), ALL_TIME);
}
