import type { Database } from "#adapters/postgres.ts";
import { bucketEndMs, bucketStartMs, type Interval } from "#core/interval.ts";
import { partitionOf } from "#core/partition.ts";
import type { CandleRequest } from "./candle_request.ts";
import { goneJson, type GoneSecond, LAST_MS } from "./candle_rows.ts";

/** Columns as the database joins them, comma separated, oldest first, `""` without rows: see `CandleRows`. */
export interface ValueColumns {
  readonly starts_at_ms: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly turnover: string;
  readonly last_tick_at_ms: string;
}

export interface RollupColumns extends ValueColumns {
  readonly until_ms: string;
  readonly timeline: string;
  readonly sequence: string;
  /** `t` or `f` */
  readonly complete: string;
}

/** Parts in the order of time: first minutes, then seconds. */
export interface PartRows extends ValueColumns {
  /** `1m` or `1s` */
  readonly interval: string;
  /** Of a second; 0 for a minute. */
  readonly correction_ms: string;
  /** Of a second; 0, `-` and 0 for a minute. */
  readonly received_at_ms: string;
  readonly origin: string;
  readonly revisions: string;
}

/** What a candle request of an interval above 1s is answered from: one snapshot of the database. */
export interface RollupRows {
  /** The newest stored rows without tombstones. */
  readonly stored: RollupColumns;
  readonly more: boolean;
  /** The newest stored row, which may be a tombstone; null when nothing is stored. */
  readonly anchor: Anchor | null;
  /** The seconds at or after the anchor's `until`. */
  readonly parts: PartRows;
  /** Ranges [since, until) of the parts' stretch that were seen, ms. */
  readonly covered: readonly (readonly [sinceMs: number, untilMs: number])[];
  readonly known_until_ms: number;
  /** Tombstones among the stored rows, and among the parts that are seconds. */
  readonly gone: readonly GoneRollup[];
  readonly goneParts: readonly GoneSecond[];
}

export interface GoneRollup {
  readonly startsAtMs: number;
  readonly untilMs: number;
  readonly timeline: number;
  readonly sequence: number;
}

export interface Anchor {
  readonly startsAtMs: number;
  readonly untilMs: number;
  readonly deleted: boolean;
  readonly timeline: number;
  readonly sequence: number;
}

/**
 * The newest rows that start before `to`, and every second at or after the `until` of the newest: one statement, hence one
 * snapshot, so that a second is in the row or among the seconds and never in both or neither, whatever the drain does
 * meanwhile, also when it stands still.
 *
 * Seconds come one by one from two minutes before the newest minute on, before that a minute at a time: there are none
 * while the drain runs, and a day of them would be 86,400 while it does not. Minutes that are stored are no shortcut: after
 * a standstill the drain folds the newest first, so that between stored ones others are still missing.
 */
export async function rollupsOf(database: Database, request: CandleRequest): Promise<RollupRows> {
  for (let attempt = 1;; attempt++) {
    const floorMs = attempt < ATTEMPTS_MAX ? await newestUntilMs(database, request) : 0;
    const rows = await rollupsAbove(database, request, floorMs);
    if (floorMs <= (rows.anchor?.untilMs ?? 0)) return rows;
  }
}

/** The newest row can only go backwards when somebody deletes it: then nothing is assumed of it. */
const ATTEMPTS_MAX = 2;

/**
 * From where on seconds are to be looked for at the earliest: the `until` of the newest row before the request's statement,
 * in which it can only be later. As a parameter of that statement it leaves out the partitions of every earlier day: with
 * 400 of them an answer takes 6 ms instead of 16 by a generic plan, 3 instead of 92 by one of its own.
 */
async function newestUntilMs(
  database: Database,
  { market, interval, toMs }: CandleRequest,
): Promise<number> {
  const [row] = await database`
    SELECT (extract(epoch FROM until) * 1000)::bigint AS until_ms FROM ${
    database(tableOf(interval))
  }
    WHERE market = ${market} AND starts_at < ${iso(toMs ?? LAST_MS)}::timestamptz
    ORDER BY starts_at DESC LIMIT 1`;
  return Number(row?.["until_ms"] ?? 0);
}

async function rollupsAbove(
  database: Database,
  { market, interval, toMs, count }: CandleRequest,
  floorMs: number,
): Promise<RollupRows> {
  const table = database(tableOf(interval));
  const floor = iso(floorMs);
  const to = iso(toMs ?? LAST_MS);
  const ends = iso(
    toMs === null ? LAST_MS : bucketEndMs(interval, bucketStartMs(interval, toMs - 1)),
  );
  const [row] = await database`
    WITH newest AS MATERIALIZED (
      SELECT * FROM ${table}
      WHERE market = ${market} AND starts_at < ${to}::timestamptz AND NOT deleted
      ORDER BY starts_at DESC LIMIT ${count + 1}::int
    ), page AS MATERIALIZED (
      SELECT * FROM newest ORDER BY starts_at DESC LIMIT ${count}::int
    ), anchor AS MATERIALIZED (
      SELECT * FROM ${table}
      WHERE market = ${market} AND starts_at < ${to}::timestamptz
      ORDER BY starts_at DESC LIMIT 1
    ), since AS MATERIALIZED (
      SELECT coalesce((SELECT until FROM anchor), '-infinity') AS at
    ), edge AS MATERIALIZED (
      SELECT starts_at AS newest, greatest(
        (SELECT at FROM since), date_bin('1 minute', starts_at, 'epoch') - interval '2 minutes') AS fine
      FROM market_candle_1s
      WHERE market = ${market} AND starts_at >= ${floor}::timestamptz AND starts_at >= (SELECT at FROM since)
        AND starts_at < ${ends}::timestamptz AND NOT deleted
      ORDER BY starts_at DESC LIMIT 1
    ), part AS MATERIALIZED (
      SELECT date_bin('1 minute', starts_at, 'epoch') AS starts_at, '1m' AS interval,
        (array_agg(open ORDER BY starts_at))[1] AS open, max(high) AS high, min(low) AS low,
        (array_agg(close ORDER BY starts_at DESC))[1] AS close, trim_scale(sum(volume)) AS volume,
        trim_scale(sum(turnover)) AS turnover, max(last_tick_at) AS last_tick_at, 0 AS correction_ms,
        'epoch'::timestamptz AS received_at, '-' AS origin, 0 AS revisions
      FROM market_candle_1s
      WHERE market = ${market} AND starts_at >= ${floor}::timestamptz AND starts_at >= (SELECT at FROM since)
        AND starts_at < (SELECT fine FROM edge) AND NOT deleted
      GROUP BY 1
      UNION ALL
      SELECT starts_at, '1s', open, high, low, close, volume, turnover, last_tick_at, correction_ms,
        received_at, origin::text, revisions
      FROM market_candle_1s
      WHERE market = ${market} AND starts_at >= ${floor}::timestamptz AND starts_at >= (SELECT fine FROM edge)
        AND starts_at < ${ends}::timestamptz AND NOT deleted
    ), span AS MATERIALIZED (
      SELECT covered(
        ${market},
        CASE WHEN since.at > '-infinity' THEN since.at
          ELSE bucket_start(${interval}, (SELECT min(starts_at) FROM part)) END,
        edge.newest + interval '1 s') AS ranges
      FROM edge CROSS JOIN since
    ), stored AS (
      SELECT
        ${valueColumns(database)},
        string_agg((extract(epoch FROM until) * 1000)::bigint::text, ',' ORDER BY starts_at) AS until_ms,
        string_agg(timeline::text, ',' ORDER BY starts_at) AS timeline,
        string_agg(sequence::text, ',' ORDER BY starts_at) AS sequence,
        string_agg(left(complete::text, 1), ',' ORDER BY starts_at) AS complete
      FROM page
    ), parts AS (
      SELECT
        ${valueColumns(database)},
        string_agg(interval, ',' ORDER BY starts_at) AS interval,
        string_agg(correction_ms::text, ',' ORDER BY starts_at) AS correction_ms,
        string_agg((extract(epoch FROM received_at) * 1000)::bigint::text, ',' ORDER BY starts_at) AS received_at_ms,
        string_agg(origin, ',' ORDER BY starts_at) AS origin,
        string_agg(revisions::text, ',' ORDER BY starts_at) AS revisions
      FROM part
    )
    SELECT
      to_json(stored) AS stored,
      to_json(parts) AS parts,
      (SELECT count(*) FROM newest) > ${count}::int AS more,
      (SELECT json_agg(json_build_object(
        'startsAtMs', (extract(epoch FROM starts_at) * 1000)::bigint,
        'untilMs', (extract(epoch FROM until) * 1000)::bigint, 'timeline', timeline, 'sequence', sequence))
        FROM ${table} WHERE market = ${market} AND starts_at < ${to}::timestamptz
          AND starts_at > (SELECT min(starts_at) FROM page) AND deleted) AS gone,
      (SELECT ${goneJson(database)} FROM market_candle_1s
        WHERE market = ${market} AND starts_at >= ${floor}::timestamptz AND starts_at < ${ends}::timestamptz
          AND starts_at >= coalesce((SELECT fine FROM edge), (SELECT at FROM since)) AND deleted) AS gone_parts,
      (SELECT json_build_object(
        'startsAtMs', (extract(epoch FROM starts_at) * 1000)::bigint,
        'untilMs', (extract(epoch FROM until) * 1000)::bigint,
        'deleted', deleted, 'timeline', timeline, 'sequence', sequence) FROM anchor) AS anchor,
      (SELECT json_agg(json_build_array(
        (extract(epoch FROM lower(r)) * 1000)::bigint, (extract(epoch FROM upper(r)) * 1000)::bigint))
        FROM span CROSS JOIN unnest(span.ranges) AS r) AS covered,
      (SELECT (extract(epoch FROM written_at) * 1000)::bigint::text FROM feed WHERE partition = ${
    partitionOf(market)
  }::smallint) AS known_until_ms
    FROM stored CROSS JOIN parts`;
  return {
    stored: withoutNulls(row!["stored"] as Nullable<RollupColumns>),
    more: row!["more"] === true,
    anchor: row!["anchor"] as Anchor | null,
    parts: withoutNulls(row!["parts"] as Nullable<PartRows>),
    covered: row!["covered"] as RollupRows["covered"] | null ?? [],
    known_until_ms: Number(row!["known_until_ms"] ?? 0),
    gone: row!["gone"] as readonly GoneRollup[] | null ?? [],
    goneParts: row!["gone_parts"] as readonly GoneSecond[] | null ?? [],
  };
}

function valueColumns(database: Database) {
  return database`
        string_agg((extract(epoch FROM starts_at) * 1000)::bigint::text, ',' ORDER BY starts_at) AS starts_at_ms,
        string_agg(open::text, ',' ORDER BY starts_at) AS open,
        string_agg(high::text, ',' ORDER BY starts_at) AS high,
        string_agg(low::text, ',' ORDER BY starts_at) AS low,
        string_agg(close::text, ',' ORDER BY starts_at) AS close,
        string_agg(volume::text, ',' ORDER BY starts_at) AS volume,
        string_agg(turnover::text, ',' ORDER BY starts_at) AS turnover,
        string_agg((extract(epoch FROM last_tick_at) * 1000)::bigint::text, ',' ORDER BY starts_at) AS last_tick_at_ms`;
}

/** The table of one interval, not its parent: a plan of it needs no pruning. */
function tableOf(interval: Interval): string {
  return `market_candle_${interval}`;
}

function iso(ms: number): string {
  return new Date(Math.min(ms, LAST_MS)).toISOString();
}

type Nullable<Columns> = { readonly [Name in keyof Columns]: string | null };

function withoutNulls<Columns>(columns: Nullable<Columns>): Columns {
  return Object.fromEntries(
    Object.entries(columns).map(([name, value]) => [name, value ?? ""]),
  ) as Columns;
}
