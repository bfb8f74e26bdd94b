import type { Database } from "#adapters/postgres.ts";
import { partitionOf } from "#core/partition.ts";
import type { CandleRequest } from "./candle_request.ts";

/**
 * The rows of a request in columns, oldest first, each column as the database joins it: comma separated, `""` when there
 * are no rows. So a page of 2,000 rows is one row of the wire protocol, and its decimals are never touched.
 */
export interface CandleRows {
  readonly starts_at_ms: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly turnover: string;
  readonly last_tick_at_ms: string;
  readonly received_at_ms: string;
  readonly correction_ms: string;
  readonly origin: string;
  readonly revisions: string;
  /** `t` or `f` */
  readonly covered: string;
  readonly more: boolean;
  /** What the newest stored mark of the market's partition says; 0 before the first. */
  readonly known_until_ms: number;
  /** Tombstones between them. */
  readonly gone: readonly GoneSecond[];
}

/** A second that the exchange says had no trade after all. */
export interface GoneSecond {
  readonly startsAtMs: number;
  readonly lastTickAtMs: number;
  readonly correctionMs: number;
  readonly revisions: number;
  /** Decimal text. */
  readonly volume: string;
}

/** Seconds from PostgreSQL. Rows, coverage and feed come from one statement, hence from one snapshot. */
export async function secondsOf(database: Database, request: CandleRequest): Promise<CandleRows> {
  const { market, toMs, count } = request;
  const to = new Date(toMs ?? LAST_MS).toISOString();
  const [row] = await database`
    WITH newest AS MATERIALIZED (
      SELECT * FROM market_candle_1s
      WHERE market = ${market} AND starts_at < ${to}::timestamptz AND NOT deleted
      ORDER BY starts_at DESC LIMIT ${count + 1}::int
    ), page AS MATERIALIZED (
      SELECT * FROM newest ORDER BY starts_at DESC LIMIT ${count}::int
    ), span AS MATERIALIZED (
      SELECT covered(${market}, min(starts_at), max(starts_at) + interval '1 s') AS ranges FROM page
    )
    SELECT
      (SELECT ${goneJson(database)} FROM market_candle_1s
        WHERE market = ${market} AND starts_at < ${to}::timestamptz
          AND starts_at > (SELECT min(starts_at) FROM page) AND deleted) AS gone,
      string_agg((extract(epoch FROM starts_at) * 1000)::bigint::text, ',') AS starts_at_ms,
      string_agg(open::text, ',') AS open,
      string_agg(high::text, ',') AS high,
      string_agg(low::text, ',') AS low,
      string_agg(close::text, ',') AS close,
      string_agg(volume::text, ',') AS volume,
      string_agg(turnover::text, ',') AS turnover,
      string_agg((extract(epoch FROM last_tick_at) * 1000)::bigint::text, ',') AS last_tick_at_ms,
      string_agg((extract(epoch FROM received_at) * 1000)::bigint::text, ',') AS received_at_ms,
      string_agg(correction_ms::text, ',') AS correction_ms,
      string_agg(origin::text, ',') AS origin,
      string_agg(revisions::text, ',') AS revisions,
      string_agg(left(coalesce(ranges @> tstzrange(starts_at, starts_at + interval '1 s'), false)::text, 1), ',') AS covered,
      (SELECT count(*) FROM newest) > ${count}::int AS more,
      (SELECT (extract(epoch FROM written_at) * 1000)::bigint::text FROM feed WHERE partition = ${
    partitionOf(market)
  }::smallint) AS known_until_ms
    FROM (SELECT * FROM page ORDER BY starts_at) AS ordered CROSS JOIN span`;
  const column = (name: string): string => row![name] as string | null ?? "";
  return {
    starts_at_ms: column("starts_at_ms"),
    open: column("open"),
    high: column("high"),
    low: column("low"),
    close: column("close"),
    volume: column("volume"),
    turnover: column("turnover"),
    last_tick_at_ms: column("last_tick_at_ms"),
    received_at_ms: column("received_at_ms"),
    correction_ms: column("correction_ms"),
    origin: column("origin"),
    revisions: column("revisions"),
    covered: column("covered"),
    more: row!["more"] === true,
    known_until_ms: Number(row!["known_until_ms"] ?? 0),
    gone: row!["gone"] as readonly GoneSecond[] | null ?? [],
  };
}

/** {@link GoneSecond}s of the rows selected. */
export function goneJson(database: Database) {
  return database`json_agg(json_build_object(
        'startsAtMs', (extract(epoch FROM starts_at) * 1000)::bigint,
        'lastTickAtMs', (extract(epoch FROM last_tick_at) * 1000)::bigint,
        'correctionMs', correction_ms, 'revisions', revisions, 'volume', volume::text))`;
}

/** The last time that both we and PostgreSQL write with four digits of year, ms. */
export const LAST_MS = 253_402_300_799_999;
