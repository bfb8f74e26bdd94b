import { parseJsonNumbersAsText } from "../json_numbers.ts";
import { market } from "../market.ts";
import { type Revision, tickerRevision } from "../revision.ts";
import type { Ticker } from "../ticker.ts";
import { eventReader } from "./json.ts";

export interface TickerEvent extends Ticker {
  readonly receivedAtMs: number;
  readonly revision: Revision;
}

export function tickerEvent(ticker: Ticker, receivedAtMs: number): TickerEvent {
  const revision = tickerRevision(
    ticker.timestampMs,
    ticker.tradeTimestampMs,
    ticker.volumeToday,
  );
  return { ...ticker, receivedAtMs, revision };
}

/** null is spelled `null`, as JSON spells it. `{"market":"KRW-BTC","price":142009000,"previous_close":…,"change":"RISE",…,"revision":"…"}` */
export function encodeTickerEvent(event: TickerEvent): string {
  return `{"market":"${event.market}","price":${event.price},"previous_close":${event.previousClose},` +
    `"change":${event.change === null ? null : `"${event.change}"`},` +
    `"change_price":${event.changePrice},"change_rate":${event.changeRate},` +
    `"high":${event.high},"low":${event.low},` +
    `"volume_24h":${event.volume24h},"turnover_24h":${event.turnover24h},` +
    `"volume_today":${event.volumeToday},"timestamp_ms":${event.timestampMs},` +
    `"trade_timestamp_ms":${event.tradeTimestampMs},"received_at_ms":${event.receivedAtMs},` +
    `"revision":"${event.revision}"}`;
}

export function decodeTickerEvent(text: string): TickerEvent {
  return tickerEventFrom(parseJsonNumbersAsText(text));
}

/** @param value one ticker event, parsed by `parseJsonNumbersAsText` @throws Failure `event_invalid` */
export function tickerEventFrom(value: unknown): TickerEvent {
  const read = eventReader(value, "ticker");
  return {
    market: market(read.text("market")),
    price: read.decimal("price"),
    previousClose: read.decimalOrNull("previous_close"),
    change: read.raw("change") as Ticker["change"],
    changePrice: read.decimalOrNull("change_price"),
    changeRate: read.decimalOrNull("change_rate"),
    high: read.decimalOrNull("high"),
    low: read.decimalOrNull("low"),
    volume24h: read.decimalOrNull("volume_24h"),
    turnover24h: read.decimalOrNull("turnover_24h"),
    volumeToday: read.decimalOrNull("volume_today"),
    timestampMs: read.ms("timestamp_ms"),
    tradeTimestampMs: read.ms("trade_timestamp_ms"),
    receivedAtMs: read.ms("received_at_ms"),
    revision: read.text("revision") as Revision,
  };
}
