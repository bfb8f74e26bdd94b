import type { Database, Transaction } from "#adapters/postgres.ts";
import type { Worker } from "#core/lifecycle.ts";
import { recurring } from "./recurring.ts";
import { keptSinceMs } from "./retention.ts";

/** What one round removed. */
export interface Swept {
  readonly days: number;
  readonly dirtyRows: number;
  readonly coverageRows: number;
}

/** Coverage is kept longer than any bucket is folded, and as long as gaps of the past are asked for. */
const COVERAGE_KEPT_DAYS = 400;

/**
 * Keeps the tables within their limits: drops the days of seconds that are no longer kept, folds repeated dirty rows that
 * nobody took for an hour into one each (so that with roll-ups stopped they are bounded by markets × minutes kept), and
 * forgets coverage of long ago.
 *
 * @param keptDays 0 = all, in which case only repeated dirty rows go
 */
export async function sweep(database: Database, nowMs: number, keptDays: number): Promise<Swept> {
  const sinceMs = keptSinceMs(nowMs, keptDays);
  let days = 0;
  let coverageRows = 0;
  if (sinceMs !== null) {
    const day = new Date(sinceMs).toISOString().slice(0, 10);
    days = await database.begin(async (raw) => {
      const transaction = raw as unknown as Transaction;
      // DROP waits for readers, and everybody else waits behind it: rather come again in a minute
      await transaction`SET LOCAL lock_timeout = '2s'`;
      const [row] = await transaction`SELECT drop_seconds_before(${day}::text::date) AS days`;
      return row!["days"] as number;
    });
    const coverageSince = new Date(nowMs - Math.max(COVERAGE_KEPT_DAYS, keptDays) * 86_400_000)
      .toISOString();
    for (const table of ["coverage_session", "coverage_hole", "coverage_answer"] as const) {
      const gone = await database`
        DELETE FROM ${database(table)} WHERE until < ${coverageSince}::text::timestamptz`;
      coverageRows += gone.count;
    }
  }
  const idleSince = new Date(nowMs - 3_600_000).toISOString();
  // a drain that runs meanwhile either took a row first, then it is not folded, or finds the folded one next time
  const [row] = await database`
    WITH gone AS (
      DELETE FROM candle_dirty WHERE starts_at < ${idleSince}::text::timestamptz
      RETURNING interval, market, starts_at
    ), folded AS (
      INSERT INTO candle_dirty (interval, market, starts_at)
      SELECT DISTINCT interval, market, starts_at FROM gone
      WHERE interval <> '1m'
        OR starts_at >= (SELECT kept_since FROM retention WHERE relation = 'market_candle_1s')
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone)::int - (SELECT count(*) FROM folded)::int AS removed`;
  return { days, coverageRows, dirtyRows: row!["removed"] as number };
}

export interface HousekeepingOptions {
  readonly database: Database;
  readonly keptDays: number;
  readonly nowMs: () => number;
  readonly onSwept: (swept: Swept) => void;
  readonly onAway: (reason: string) => void;
}

const PERIOD_MS = 3_600_000;
const AGAIN_MS = 60_000;

/** Sweeps at the start and every hour; when the database is away or busy, again after a minute. */
export function housekeeping(options: HousekeepingOptions): Worker {
  return recurring({
    name: "housekeeping",
    step: async () => {
      options.onSwept(await sweep(options.database, options.nowMs(), options.keptDays));
      return PERIOD_MS;
    },
    againMs: AGAIN_MS,
    onAway: options.onAway,
  });
}
