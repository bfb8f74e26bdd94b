import type { FoldedCandle } from "../fold.ts";
import { interval } from "../interval.ts";
import { parseJsonNumbersAsText } from "../json_numbers.ts";
import { market } from "../market.ts";
import type { Revision } from "../revision.ts";
import { eventReader, jsonObject } from "./json.ts";

/** Whether a roll-up was folded from below, or is the exchange's own row where the fold would have been incomplete. */
export type RollupSource = "folded" | "exchange";

/** A row of `market_candle`, closed or forming: the value of a record of `postgres_candle`. The reader merges by revision. */
export interface PostgresCandleEvent extends FoldedCandle {
  /** Whether the bucket is over and everything in it was folded in. */
  readonly closed: boolean;
  /** Whether coverage contains the bucket up to `untilMs`. */
  readonly complete: boolean;
  /** Nothing was traded in the bucket after all: whoever shows it takes it away, and keeps the revision. */
  readonly deleted: boolean;
  readonly source: RollupSource;
  /** `rollupRevision` of the database's timeline and sequence. */
  readonly revision: Revision;
}

/** `{"market":"KRW-BTC","interval":"1h","starts_at_ms":…,"open":142009000,…,"closed":false,…,"revision":"…"}` */
export function encodePostgresCandleEvent(event: PostgresCandleEvent): string {
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
    closed: String(event.closed),
    complete: String(event.complete),
    deleted: String(event.deleted),
    source: `"${event.source}"`,
    until_ms: String(event.untilMs),
    revision: `"${event.revision}"`,
  });
}

export function decodePostgresCandleEvent(text: string): PostgresCandleEvent {
  return postgresCandleEventFrom(parseJsonNumbersAsText(text));
}

/** @param value one event, parsed by `parseJsonNumbersAsText` @throws Failure `event_invalid` */
export function postgresCandleEventFrom(value: unknown): PostgresCandleEvent {
  const read = eventReader(value, "postgres-candle");
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
    closed: read.raw("closed") === true,
    complete: read.raw("complete") === true,
    deleted: read.raw("deleted") === true,
    source: read.text("source") as RollupSource,
    untilMs: read.ms("until_ms"),
    revision: read.text("revision") as Revision,
  };
}
