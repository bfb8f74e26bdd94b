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
  readonly revision: readonly Revision[];
  /** Whether the bucket is over and everything in it was folded in. A second is closed as soon as a later mark is stored. */
  readonly closed: readonly boolean[];
  /** Whether coverage contains the whole bucket. */
  readonly complete: readonly boolean[];
  /** Each stored second before this time is folded in, ms. */
  readonly until_ms: readonly number[];
}
