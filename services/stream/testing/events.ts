import { decimal } from "#core/decimal.ts";
import { candleEvent } from "#core/event/candle_event.ts";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { tickerEvent } from "#core/event/ticker_event.ts";
import { bucketEndMs, type Interval } from "#core/interval.ts";
import { market } from "#core/market.ts";
import { rollupRevision } from "#core/revision.ts";
import { candleLive, type LiveEvent, tickerLive } from "../live_event.ts";

/** A ticker whose revision and price are the time. */
export function tickerAt(name: string, timestampMs: number): LiveEvent {
  return tickerLive(tickerEventAt(name, timestampMs));
}

export function tickerEventAt(name: string, timestampMs: number) {
  return tickerEvent({
    market: market(name),
    price: decimal(String(timestampMs + 1)),
    previousClose: null,
    change: null,
    changePrice: null,
    changeRate: null,
    high: null,
    low: null,
    volume24h: null,
    turnover24h: null,
    volumeToday: null,
    timestampMs,
    tradeTimestampMs: timestampMs,
  }, timestampMs);
}

/** A second whose revision is the time of its last tick. */
export function candleAt(name: string, startsAtMs: number, lastTickAtMs: number): LiveEvent {
  return candleLive(candleEventAt(name, startsAtMs, lastTickAtMs));
}

export function candleEventAt(name: string, startsAtMs: number, lastTickAtMs: number) {
  const one = decimal("1");
  return candleEvent(
    {
      market: market(name),
      interval: "1s",
      startsAtMs,
      open: one,
      high: one,
      low: one,
      close: one,
      volume: one,
      turnover: one,
      lastTickAtMs,
    },
    lastTickAtMs,
    "websocket",
  );
}

/** A roll-up whose revision and volume are the sequence. */
export function rollupEventAt(
  name: string,
  interval: Interval,
  startsAtMs: number,
  sequence: number,
): PostgresCandleEvent {
  const one = decimal("1");
  return {
    market: market(name),
    interval,
    startsAtMs,
    open: one,
    high: one,
    low: one,
    close: one,
    volume: decimal(String(sequence)),
    turnover: one,
    lastTickAtMs: startsAtMs,
    closed: true,
    complete: true,
    deleted: false,
    source: "folded",
    untilMs: bucketEndMs(interval, startsAtMs),
    revision: rollupRevision(1, sequence),
  };
}
