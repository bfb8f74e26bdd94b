import type { ExchangeKind } from "../exchange_kind.ts";
import { parseJsonNumbersAsText } from "../json_numbers.ts";
import { type CandleEvent, candleEventFrom } from "./candle_event.ts";
import { eventReader, jsonObject } from "./json.ts";
import { type LinkEvent, linkEventFrom } from "./link_event.ts";
import { type PostgresCandleEvent, postgresCandleEventFrom } from "./postgres_candle_event.ts";
import { type TickerEvent, tickerEventFrom } from "./ticker_event.ts";

/** The first event of a connection. */
export interface Tail {
  /** Every second received at or after this time (ms, ingest's clock) for the markets asked for is in the tail or follows. */
  readonly sinceMs: number;
  readonly exchange: ExchangeKind;
  readonly link: LinkEvent | null;
  readonly tickers: readonly TickerEvent[];
  readonly candles: readonly CandleEvent[];
  /** Roll-ups of the intervals asked for that came in the last minute. */
  readonly postgresCandles: readonly PostgresCandleEvent[];
}

/** Takes the events as they were encoded once, and joins them. */
export function encodeTail(tail: {
  readonly sinceMs: number;
  readonly exchange: ExchangeKind;
  readonly link: string | null;
  readonly tickers: readonly string[];
  readonly candles: readonly string[];
  /** null when none were asked for: the field is left out. */
  readonly postgresCandles?: readonly string[] | null;
}): string {
  return jsonObject({
    since_ms: String(tail.sinceMs),
    exchange: `"${tail.exchange}"`,
    link: tail.link ?? "null",
    tickers: `[${tail.tickers.join(",")}]`,
    candles: `[${tail.candles.join(",")}]`,
    ...tail.postgresCandles == null
      ? {}
      : { postgres_candles: `[${tail.postgresCandles.join(",")}]` },
  });
}

export function decodeTail(text: string): Tail {
  const read = eventReader(parseJsonNumbersAsText(text), "tail");
  const link = read.raw("link");
  return {
    sinceMs: read.ms("since_ms"),
    exchange: read.text("exchange") as ExchangeKind,
    link: link === null ? null : linkEventFrom(link),
    tickers: (read.raw("tickers") as unknown[]).map(tickerEventFrom),
    candles: (read.raw("candles") as unknown[]).map(candleEventFrom),
    postgresCandles: ((read.raw("postgres_candles") ?? []) as unknown[])
      .map(postgresCandleEventFrom),
  };
}
