import type { Candle } from "../candle.ts";
import { interval } from "../interval.ts";
import { market } from "../market.ts";
import type { EventReader } from "./json.ts";

/** The fields that a second and a roll-up share, as they stand at the beginning of their events: JSON without braces. */
export function encodeCandleFields(candle: Candle): string {
  return `"market":"${candle.market}","interval":"${candle.interval}","starts_at_ms":${candle.startsAtMs},` +
    `"open":${candle.open},"high":${candle.high},"low":${candle.low},"close":${candle.close},` +
    `"volume":${candle.volume},"turnover":${candle.turnover},"last_tick_at_ms":${candle.lastTickAtMs}`;
}

/** @throws Failure `event_invalid`, `market_invalid`, `interval_invalid`, `decimal_invalid` */
export function readCandleFields(read: EventReader): Candle {
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
  };
}
