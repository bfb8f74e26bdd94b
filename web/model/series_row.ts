import type { CandleValues, Origin } from "#core/candle.ts";
import type { CandleColumns, CandlePage } from "#core/candle_page.ts";
import type { CandleEvent } from "#core/event/candle_event.ts";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { bucketEndMs } from "#core/interval.ts";
import type { Revision } from "#core/revision.ts";

/** One candle as the page keeps it: decimals as exact text. Times in ms since the epoch. */
export interface SeriesRow extends CandleValues {
  readonly startsAtMs: number;
  /** The exchange's time of the last tick. */
  readonly lastTickAtMs: number;
  /** When our socket received this revision; null for a roll-up. */
  readonly receivedAtMs: number | null;
  readonly origin: Origin | null;
  /** How often the row was replaced by a newer revision, as far as known; null for a roll-up. */
  readonly revisions: number | null;
  readonly revision: Revision;
  readonly closed: boolean;
  readonly complete: boolean;
  /** Each stored second before this time is folded in. */
  readonly untilMs: number;
}

/** A second from the stream. Its revision count starts at 0 and is corrected by the page that holds the same revision. */
export function rowFromEvent(event: CandleEvent): SeriesRow {
  return {
    startsAtMs: event.startsAtMs,
    open: event.open,
    high: event.high,
    low: event.low,
    close: event.close,
    volume: event.volume,
    turnover: event.turnover,
    lastTickAtMs: event.lastTickAtMs,
    receivedAtMs: event.receivedAtMs,
    origin: event.origin,
    revisions: 0,
    revision: event.revision,
    closed: false,
    complete: false,
    untilMs: bucketEndMs(event.interval, event.startsAtMs),
  };
}

/** A stored roll-up from the stream. */
export function rowFromRollup(event: PostgresCandleEvent): SeriesRow {
  return {
    startsAtMs: event.startsAtMs,
    open: event.open,
    high: event.high,
    low: event.low,
    close: event.close,
    volume: event.volume,
    turnover: event.turnover,
    lastTickAtMs: event.lastTickAtMs,
    receivedAtMs: null,
    origin: null,
    revisions: null,
    revision: event.revision,
    closed: event.closed,
    complete: event.complete,
    untilMs: event.untilMs,
  };
}

/** Whether a roll-up is known to lack some of its seconds. Of a live second only a page knows. */
export function isIncomplete(row: SeriesRow): boolean {
  return row.origin === null && !row.complete;
}

export function rowsFromPage({ columns }: CandlePage): SeriesRow[] {
  return rowsFromColumns(columns);
}

export function rowsFromColumns(columns: CandleColumns): SeriesRow[] {
  return columns.starts_at_ms.map((startsAtMs, at) => ({
    startsAtMs,
    open: columns.open[at]!,
    high: columns.high[at]!,
    low: columns.low[at]!,
    close: columns.close[at]!,
    volume: columns.volume[at]!,
    turnover: columns.turnover[at]!,
    lastTickAtMs: columns.last_tick_at_ms[at]!,
    receivedAtMs: columns.received_at_ms[at]!,
    origin: columns.origin[at]!,
    revisions: columns.revisions[at]!,
    revision: columns.revision[at]!,
    closed: columns.closed[at]!,
    complete: columns.complete[at]!,
    untilMs: columns.until_ms[at]!,
  }));
}
