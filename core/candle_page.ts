import type { Origin } from "./candle.ts";
import type { Decimal } from "./decimal.ts";
import type { Interval } from "./interval.ts";
import type { Market } from "./market.ts";
import type { Revision } from "./revision.ts";

/** Most rows one answer of `GET /api/candles` holds. */
export const PAGE_ROWS_MAX = 2_000;

/**
 * The answer of `GET /api/candles?market&interval&to&count`: rows in columns of equal length, oldest first. Decimals are
 * JSON numbers with the stored digits; read with `parseJsonNumbersAsText` they are the text below.
 */
export interface CandlePage {
  readonly market: Market;
  readonly interval: Interval;
  /** Every record that ingest wrote before this time (ms, its clock) is in the rows or is known not to exist. */
  readonly known_until_ms: number;
  /** Whether older rows exist before the first one. */
  readonly more: boolean;
  readonly columns: CandleColumns;
  /** Of the newest page of an interval above 1s; absent for seconds and for pages by `to`. */
  readonly folded?: FoldedParts;
}

/**
 * What the forming candles at the end of a page were folded from (core/fold.ts), for a reader that goes on folding as
 * `candle` events come. The folded row alone would not do: its newest second is sent again with each trade, and cannot be
 * taken out of a sum.
 */
export interface FoldedParts {
  /** Each stored second before this time is in `stored` or in rows before it; ms, 0 when nothing is stored. */
  readonly since_ms: number;
  /** The newest row as it is stored, not folded onto; columns without an entry when there is none. */
  readonly stored: CandleColumns;
  /** What starts at or after `since_ms`, ascending. */
  readonly parts: PartColumns;
}

/** Seconds, and before the last two minutes whole minutes of them. */
export interface PartColumns {
  readonly starts_at_ms: readonly number[];
  readonly interval: readonly ("1s" | "1m")[];
  readonly open: readonly Decimal[];
  readonly high: readonly Decimal[];
  readonly low: readonly Decimal[];
  readonly close: readonly Decimal[];
  readonly volume: readonly Decimal[];
  readonly turnover: readonly Decimal[];
  readonly last_tick_at_ms: readonly number[];
  /** A second's; null for a minute. */
  readonly revision: readonly (Revision | null)[];
}

export interface CandleColumns {
  readonly starts_at_ms: readonly number[];
  readonly open: readonly Decimal[];
  readonly high: readonly Decimal[];
  readonly low: readonly Decimal[];
  readonly close: readonly Decimal[];
  readonly volume: readonly Decimal[];
  readonly turnover: readonly Decimal[];
  /** The exchange's time of the last tick, ms. */
  readonly last_tick_at_ms: readonly number[];
  /** When our socket received the revision shown, ms; null for a roll-up. */
  readonly received_at_ms: readonly (number | null)[];
  readonly origin: readonly (Origin | null)[];
  /** How often the row was replaced by a newer revision; null for a roll-up. */
  readonly revisions: readonly (number | null)[];
  /** Of a forming candle: the revision of the stored row it continues, or one older than any where there is none. */
  readonly revision: readonly Revision[];
  /** Whether the bucket is over and everything in it was folded in. A second is closed as soon as a later mark is stored. */
  readonly closed: readonly boolean[];
  /** Whether coverage contains the whole bucket; of a forming one what is over of it, but for the last 3 s. */
  readonly complete: readonly boolean[];
  /** Each stored second before this time is folded in, ms. */
  readonly until_ms: readonly number[];
}
