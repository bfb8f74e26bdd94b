import type { Candle, Origin, ReceivedCandle } from "../candle.ts";
import { interval } from "../interval.ts";
import { parseJsonNumbersAsText } from "../json_numbers.ts";
import { market } from "../market.ts";
import { candleRevision, type Revision } from "../revision.ts";
import { eventReader, jsonObject } from "./json.ts";

/** A second, newest revision or not: the reader merges by revision. */
export interface CandleEvent extends ReceivedCandle {
  readonly revision: Revision;
}

export function candleEvent(candle: Candle, receivedAtMs: number, origin: Origin): CandleEvent {
  const revision = candleRevision(0, candle.lastTickAtMs, candle.volume);
  return { ...candle, receivedAtMs, origin, revision };
}

/** `{"market":"KRW-BTC","interval":"1s","starts_at_ms":…,"open":142009000,…,"revision":"…"}` */
export function encodeCandleEvent(event: CandleEvent): string {
  return jsonObject({
    market: `"${event.market}"`,
    interval: `"${event.interval}"`,
    starts_at_ms: String(event.startsAtMs),
    open: event.open,
    high: event.high,
    low: event.low,
    close: event.close,
    volume: event.volume,
    turnover: event.turnover,
    last_tick_at_ms: String(event.lastTickAtMs),
    received_at_ms: String(event.receivedAtMs),
    origin: `"${event.origin}"`,
    revision: `"${event.revision}"`,
  });
}

export function decodeCandleEvent(text: string): CandleEvent {
  return candleEventFrom(parseJsonNumbersAsText(text));
}

/** @param value one candle event, parsed by `parseJsonNumbersAsText` @throws Failure `event_invalid` */
export function candleEventFrom(value: unknown): CandleEvent {
  const read = eventReader(value, "candle");
  return {
    market: market(read.text("market")),
    interval: interval(read.text("interval")),
    startsAtMs: read.ms("starts_at_ms"),
    open: read.decimal("open"),
    high: read.decimal("high"),
    low: read.decimal("low"),
    close: read.decimal("close"),
    volume: read.decimal("volume"),
    turnover: read.decimal("turnover"),
    lastTickAtMs: read.ms("last_tick_at_ms"),
    receivedAtMs: read.ms("received_at_ms"),
    origin: read.text("origin") as Origin,
    revision: read.text("revision") as Revision,
  };
}
