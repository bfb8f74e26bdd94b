import { type Book, candleAt, candlesBefore } from "./book.ts";
import { bucketStartMs, type Unit } from "./calendar.ts";
import { candleType, streamCandle } from "./candle_fields.ts";
import { Element, type StreamType } from "./element.ts";
import { streamTicker, tickerAt } from "./ticker.ts";

/** The stream types a client may subscribe, with the candle unit of each. */
export const streamUnits: ReadonlyMap<string, Unit> = new Map(
  (["s", 1, 3, 5, 10, 15, 30, 60, 240] as const).map((unit) => [candleType(unit)!, unit]),
);

export function isStreamType(type: string): boolean {
  return type === "ticker" || streamUnits.has(type);
}

/**
 * What a new subscriber sees first: the candle of now, or the last one there was; the ticker; undefined before any trade.
 *
 * @param stepMs by how much the exchange's clock goes wrong
 */
export function snapshot(
  book: Book,
  type: string,
  market: string,
  nowMs: number,
  stepMs: number,
): Element | undefined {
  if (type === "ticker") return tickerElement(book, market, nowMs, stepMs, "SNAPSHOT");
  const unit = streamUnits.get(type);
  if (unit === undefined) return undefined;
  const [candle] = candlesBefore(book, market, unit, nowMs + 1, 1, nowMs);
  return candle && new Element(type, market, streamCandle(candle), "SNAPSHOT");
}

export function tickerElement(
  book: Book,
  market: string,
  nowMs: number,
  stepMs: number,
  streamType: StreamType,
): Element | undefined {
  const ticker = tickerAt(book, market, nowMs, stepMs);
  return ticker && new Element("ticker", market, streamTicker(ticker), streamType);
}

/** The candle that holds the moment, as counted by now. */
export function candleElement(
  book: Book,
  type: string,
  market: string,
  atMs: number,
  nowMs: number,
): Element | undefined {
  const unit = streamUnits.get(type)!;
  const candle = candleAt(book, market, unit, bucketStartMs(unit, atMs), nowMs);
  return candle && new Element(type, market, streamCandle(candle), "REALTIME");
}
