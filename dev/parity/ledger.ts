import type { Database } from "#adapters/postgres.ts";
import type { Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";
import type { ParityRow, ParityState } from "#core/parity_page.ts";
import type { LedgerVerdict } from "#core/parity.ts";

/** Candles of a market and interval that start within [sinceMs, untilMs). */
export interface Stretch {
  readonly market: Market;
  readonly interval: Interval;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** How much of a stretch has a verdict, in buckets, empty ones too. */
export interface LedgerProgress {
  /** Ours to compare: the socket saw it, or all that it is folded from is known. */
  readonly comparable: number;
  readonly compared: number;
  /** What of it is not compared, as a whole; null when nothing is left. */
  readonly left: { readonly sinceMs: number; readonly untilMs: number } | null;
}

/** A candle of ours that was compared, or that differs. */
export interface LedgerRow {
  readonly startsAtMs: number;
  /** `taken` where it agrees and is partly the exchange's own. */
  readonly verdict: LedgerVerdict;
  /** Null: it never differed. */
  readonly state: ParityState | null;
  readonly reason: string;
  readonly ours: ParityRow | null;
  /** Null also where it matches. */
  readonly theirs: ParityRow | null;
}

const iso = (ms: number): string => new Date(ms).toISOString();

export async function ledgerProgress(
  database: Database,
  stretch: Stretch,
): Promise<LedgerProgress> {
  const { market, interval, sinceMs, untilMs } = stretch;
  const [row] = await database`
    WITH asked AS (
      SELECT ${iso(sinceMs)}::text::timestamptz AS since, ${
    iso(untilMs)
  }::text::timestamptz AS until
    ), own AS (
      SELECT whole.ranges * tstzmultirange(tstzrange(a.since, a.until)) AS ranges
      FROM asked a CROSS JOIN LATERAL (
        SELECT range_agg(w.range) AS ranges
        FROM parity_seen(clock_timestamp(), ARRAY[${market}::text]) s CROSS JOIN LATERAL unnest(s.seen) AS r(range)
        CROSS JOIN LATERAL unnest(whole_buckets('1s', lower(r.range), upper(r.range))) AS w(range)
        WHERE ${interval}::text = '1s'
        UNION ALL
        SELECT range_agg(tstzrange(c.starts_at, c.until)) FROM market_candle c
        WHERE c.market = ${market} AND c.interval = ${interval} AND c.starts_at >= a.since AND c.starts_at < a.until
          AND c.complete AND c.source = 'folded' AND c.until = bucket_end(c.interval, c.starts_at)
      ) whole
      WHERE whole.ranges IS NOT NULL
    ), compared AS (
      SELECT o.ranges, o.ranges * coalesce(c.compared, '{}') AS compared, o.ranges - coalesce(c.compared, '{}') AS left
      FROM own o LEFT JOIN parity_compared c ON c.market = ${market} AND c.interval = ${interval}
    )
    SELECT (SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0) FROM unnest(c.ranges) r)::float8 AS comparable_s,
      (SELECT coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0) FROM unnest(c.compared) r)::float8 AS compared_s,
      bucket_seconds(${interval})::float8 AS bucket_s,
      (extract(epoch FROM lower(c.left)) * 1000)::float8 AS since_ms, (extract(epoch FROM upper(c.left)) * 1000)::float8 AS until_ms
    FROM compared c`;
  if (row === undefined) return { comparable: 0, compared: 0, left: null };
  const bucketS = row["bucket_s"] as number;
  const since = row["since_ms"] as number | null;
  return {
    comparable: Math.round((row["comparable_s"] as number) / bucketS),
    compared: Math.round((row["compared_s"] as number) / bucketS),
    left: since === null ? null : { sinceMs: since, untilMs: row["until_ms"] as number },
  };
}

/** Every candle that has a verdict, oldest first. A match is told once, with our row: the exchange's is equal. */
export async function ledgerRows(
  database: Database,
  { market, interval, sinceMs, untilMs }: Stretch,
): Promise<readonly LedgerRow[]> {
  const rows = await database`
    WITH asked AS (
      SELECT ${iso(sinceMs)}::text::timestamptz AS since, ${
    iso(untilMs)
  }::text::timestamptz AS until
    ), seen AS MATERIALIZED (
      SELECT s.seen FROM parity_seen(clock_timestamp(), ARRAY[${market}::text]) s
    ), ours AS (
      SELECT c.starts_at, c.deleted, parity_row(c.open, c.high, c.low, c.close, c.volume, c.turnover, c.last_tick_at) AS row
      FROM asked a JOIN market_candle_1s c ON c.starts_at >= a.since AND c.starts_at < a.until
      WHERE ${interval}::text = '1s' AND c.market = ${market} AND (c.origin <> 'rest' OR c.correction_ms > 0)
      UNION ALL
      SELECT c.starts_at, c.deleted, parity_row(c.open, c.high, c.low, c.close, c.volume, c.turnover, c.last_tick_at)
      FROM asked a JOIN market_candle c ON c.starts_at >= a.since AND c.starts_at < a.until
      WHERE c.interval = ${interval} AND c.market = ${market} AND c.source = 'folded'
    ), differing AS (
      SELECT d.* FROM asked a JOIN parity_difference d ON d.starts_at >= a.since AND d.starts_at < a.until
      WHERE d.market = ${market} AND d.interval = ${interval}
    )
    SELECT (extract(epoch FROM v.starts_at) * 1000)::float8 AS starts_at_ms, v.verdict, v.state, v.reason, v.ours, v.theirs
    FROM (
      SELECT d.starts_at, CASE WHEN d.state = 'agreed' AND NOT d.own THEN 'taken' ELSE d.verdict::text END AS verdict,
        d.state::text, d.reason, d.ours, d.theirs
      FROM differing d
      UNION ALL
      SELECT o.starts_at,
        CASE WHEN bucket_is_own((SELECT s.seen FROM seen s), ${interval}, o.starts_at) OR ${interval} = '1s' THEN 'match'
          ELSE 'taken' END,
        NULL, '', o.row, NULL
      FROM ours o JOIN parity_compared c ON c.market = ${market} AND c.interval = ${interval} AND c.compared @> o.starts_at
      WHERE NOT o.deleted AND o.starts_at NOT IN (SELECT d.starts_at FROM differing d)
    ) v
    ORDER BY v.starts_at`;
  return rows.map((row) => ({
    startsAtMs: row["starts_at_ms"] as number,
    verdict: row["verdict"] as LedgerVerdict,
    state: row["state"] as ParityState | null,
    reason: row["reason"] as string,
    ours: row["ours"] as ParityRow | null,
    theirs: row["theirs"] as ParityRow | null,
  }));
}

/** Wishes that the stretch be compared soon. @returns the wish's number, also when it stood there already */
export async function wishCompared(
  database: Database,
  { market, interval, sinceMs, untilMs }: Stretch,
): Promise<string> {
  const [row] = await database`
    INSERT INTO exchange_wish (market, interval, since, until, reason)
    VALUES (${market}, ${interval}, ${iso(sinceMs)}::text::timestamptz, ${
    iso(untilMs)
  }::text::timestamptz, 'parity')
    ON CONFLICT (market, interval, since, until) DO UPDATE SET wished_at = exchange_wish.wished_at
    RETURNING wish::text`;
  return row!["wish"] as string;
}

/** Takes the wish back, if it is one of ours. */
export async function takeBack(database: Database, wish: string): Promise<void> {
  await database`DELETE FROM exchange_wish WHERE wish = ${wish}::text::bigint AND reason = 'parity'`;
}
