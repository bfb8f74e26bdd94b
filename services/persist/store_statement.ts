import type { Database } from "#adapters/postgres.ts";
import { unlessOlder } from "./second_upsert.ts";
import type { Hole, MarkWork, SecondWork, Work } from "./work.ts";

/**
 * One statement, which is one transaction: all or nothing, one way to the server and back. A column is an array, spelled here
 * and read by the server, times as ms since the epoch; the arrays are unnested side by side in the select list, where a row
 * costs a third of what it costs in FROM (a store of its own for each of eleven functions).
 *
 * - Seconds: only effective rows make their minute dirty.
 * - Sessions are lengthened and each partition's feed moved on; an older mark changes nothing.
 *
 * Not BEGIN … COMMIT: postgres.js writes the ROLLBACK after a lost connection into a socket that is gone (an uncaught
 * TypeError ends the process) or leaves it in the buffer of the next connection (which then hangs until its timeout).
 *
 * Rates of others, 1,000 rows at a time: COPY into a staging table and merge 15,000 rows/s, multi-row VALUES 33,000, this
 * 62,000 without provenance and dirty rows (bench/upsert.ts measures it with them).
 *
 * @returns how many seconds were inserted or replaced, and how many of them replaced
 */
export async function storeAll(
  database: Database,
  work: Work,
  holes: readonly Hole[],
): Promise<{ readonly effective: number; readonly revised: number }> {
  const column = columnsOf(work.seconds);
  const delisted = work.listings.filter(({ listing }) => listing === null);
  const [row] = await database`
    WITH effective AS (
      INSERT INTO market_candle_1s AS stored (
        market, starts_at, last_tick_at, received_at, correction_ms, origin, revisions, deleted,
        open, high, low, close, volume, turnover)
      SELECT market, to_timestamp(starts_ms / 1000), to_timestamp(last_tick_ms / 1000), to_timestamp(received_ms / 1000),
        0, origin, 0, false, open, high, low, close, volume, turnover
      FROM (
        SELECT
          unnest(${column((event) => event.market)}::text::text[]) AS market,
          unnest(${column((event) => event.startsAtMs)}::text::float8[]) AS starts_ms,
          unnest(${column((event) => event.lastTickAtMs)}::text::float8[]) AS last_tick_ms,
          unnest(${column((event) => event.receivedAtMs)}::text::float8[]) AS received_ms,
          unnest(${column((event) => event.origin)}::text::candle_origin[]) AS origin,
          unnest(${column((event) => event.open)}::text::numeric[]) AS open,
          unnest(${column((event) => event.high)}::text::numeric[]) AS high,
          unnest(${column((event) => event.low)}::text::numeric[]) AS low,
          unnest(${column((event) => event.close)}::text::numeric[]) AS close,
          unnest(${column((event) => event.volume)}::text::numeric[]) AS volume,
          unnest(${column((event) => event.turnover)}::text::numeric[]) AS turnover
      ) AS t
      ${unlessOlder(database)}
      RETURNING market, starts_at, revisions
    ), dirtied AS (
      INSERT INTO candle_dirty (interval, market, starts_at)
      SELECT DISTINCT '1m', market, date_bin('1 minute', starts_at, 'epoch') FROM effective
    ), hole AS (
      INSERT INTO coverage_hole (market, since, until, cause)
      SELECT DISTINCT market, since, until, 'refused' FROM unnest(
        ${holes.map(({ market }) => market)}::text[],
        ${holes.map(({ sinceMs }) => iso(sinceMs))}::timestamptz[],
        ${holes.map(({ untilMs }) => iso(untilMs))}::timestamptz[]
      ) AS t(market, since, until)
      ON CONFLICT DO NOTHING
    ), lengthened AS (
      INSERT INTO coverage_session AS stored
        (session, partition, markets, since, until, written_at, ended, cause, ended_by)
      SELECT session, partition, markets, since, until, written_at, ended, cause,
        CASE WHEN ended THEN cause END
      FROM jsonb_to_recordset(${JSON.stringify(sessionRows(work))}::text::jsonb) AS t(
        session text, partition smallint, markets text[], since timestamptz, until timestamptz,
        written_at timestamptz, ended boolean, cause text)
      ORDER BY session, partition
      ON CONFLICT (session, partition) DO UPDATE SET
        until = greatest(stored.until, excluded.until),
        written_at = excluded.written_at,
        ended = stored.ended OR excluded.ended,
        ended_by = coalesce(stored.ended_by, excluded.ended_by)
      WHERE excluded.written_at > stored.written_at
    ), moved AS (
      INSERT INTO feed AS stored (partition, written_at, until, link, cause)
      SELECT partition, written_at, until, link, cause
      FROM jsonb_to_recordset(${JSON.stringify(feedRows(work))}::text::jsonb) AS t(
        partition smallint, written_at timestamptz, until timestamptz, link text, cause text)
      ORDER BY partition
      ON CONFLICT (partition) DO UPDATE SET
        written_at = excluded.written_at, until = greatest(stored.until, excluded.until),
        link = excluded.link, cause = excluded.cause
      WHERE excluded.written_at > stored.written_at
    ), listed AS (
      INSERT INTO market AS stored
        (market, korean_name, english_name, listing, first_seen_at, last_seen_at)
      SELECT market, korean_name, english_name, listing::jsonb, seen_at, seen_at
      FROM jsonb_to_recordset(${JSON.stringify(listingRows(work))}::text::jsonb) AS t(
        market text, korean_name text, english_name text, listing text, seen_at timestamptz)
      ORDER BY market
      ON CONFLICT (market) DO UPDATE SET
        korean_name = excluded.korean_name, english_name = excluded.english_name,
        listing = excluded.listing, last_seen_at = excluded.last_seen_at, delisted_at = NULL
      WHERE excluded.last_seen_at >= stored.last_seen_at
    ), delisted AS (
      UPDATE market SET delisted_at = t.seen_at, last_seen_at = t.seen_at
      FROM unnest(
        ${delisted.map(({ market }) => market)}::text[],
        ${delisted.map(({ seenAtMs }) => iso(seenAtMs))}::timestamptz[]
      ) AS t(market, seen_at)
      WHERE market.market = t.market AND market.last_seen_at <= t.seen_at
        AND market.delisted_at IS NULL
    )
    SELECT count(*)::int AS effective, count(*) FILTER (WHERE revisions > 0)::int AS revised
    FROM effective`;
  return { effective: row!["effective"], revised: row!["revised"] };
}

/** How many seconds stand in the table in exactly this revision. */
export async function countEqual(
  database: Database,
  seconds: readonly SecondWork[],
): Promise<number> {
  const column = columnsOf(seconds);
  const [row] = await database`
    SELECT count(*)::int AS equal
    FROM (
      SELECT
        unnest(${column((event) => event.market)}::text::text[]) AS market,
        unnest(${column((event) => event.startsAtMs)}::text::float8[]) AS starts_ms,
        unnest(${column((event) => event.lastTickAtMs)}::text::float8[]) AS last_tick_ms,
        unnest(${column((event) => event.volume)}::text::numeric[]) AS volume
    ) AS t
    -- LIMIT keeps it a probe of the primary key for each row; as a join it read whole days
    CROSS JOIN LATERAL (
      SELECT stored.last_tick_at, stored.volume, stored.correction_ms FROM market_candle_1s AS stored
      WHERE stored.market = t.market AND stored.starts_at = to_timestamp(t.starts_ms / 1000) LIMIT 1
    ) AS stored
    WHERE stored.correction_ms = 0 AND stored.last_tick_at = to_timestamp(t.last_tick_ms / 1000)
      AND stored.volume = t.volume`;
  return row!["equal"] as number;
}

/**
 * Spells a column of seconds as PostgreSQL's text of an array. Markets, decimals, origins and whole numbers are checked where
 * they are made and hold nothing that must be quoted.
 */
function columnsOf(
  seconds: readonly SecondWork[],
): (read: (event: SecondWork["event"]) => string | number) => string {
  return (read) => `{${seconds.map(({ event }) => read(event)).join(",")}}`;
}

function sessionRows({ marks }: Work): readonly Record<string, unknown>[] {
  return marks.flatMap(({ mark, record }) =>
    mark.session === null ? [] : [{
      session: mark.session.id,
      partition: record.partition,
      markets: mark.session.markets,
      since: iso(mark.session.sinceMs),
      until: iso(mark.session.untilMs),
      written_at: iso(mark.writtenAtMs),
      ended: mark.session.ended,
      cause: mark.cause,
    }]
  );
}

/** The newest mark of each partition. */
function feedRows({ marks }: Work): readonly Record<string, unknown>[] {
  const newest = new Map<number, MarkWork>();
  for (const item of marks) {
    const held = newest.get(item.record.partition);
    if (held === undefined || held.mark.writtenAtMs < item.mark.writtenAtMs) {
      newest.set(item.record.partition, item);
    }
  }
  return [...newest].map(([partition, { mark }]) => ({
    partition,
    written_at: iso(mark.writtenAtMs),
    until: mark.session === null ? null : iso(mark.session.untilMs),
    link: mark.link,
    cause: mark.cause,
  }));
}

function listingRows({ listings }: Work): readonly Record<string, unknown>[] {
  return listings.flatMap(({ market, listing, element, seenAtMs }) =>
    listing === null ? [] : [{
      market,
      korean_name: listing.koreanName,
      english_name: listing.englishName,
      listing: element,
      seen_at: iso(seenAtMs),
    }]
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
