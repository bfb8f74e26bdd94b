import type { Database } from "#adapters/postgres.ts";

/**
 * The end of an INSERT of seconds AS stored: of two revisions the newer stays. The guard compares what `candleRevision` is made
 * of, as one row value; RETURNING tells only effective rows.
 */
export function unlessOlder(database: Database) {
  return database`
    ON CONFLICT (market, starts_at) DO UPDATE SET
      last_tick_at = excluded.last_tick_at, received_at = excluded.received_at,
      correction_ms = excluded.correction_ms, origin = excluded.origin,
      revisions = least(stored.revisions + 1, 32767), deleted = excluded.deleted,
      open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
      volume = excluded.volume, turnover = excluded.turnover
    WHERE (excluded.correction_ms, excluded.last_tick_at, excluded.volume)
      > (stored.correction_ms, stored.last_tick_at, stored.volume)`;
}
