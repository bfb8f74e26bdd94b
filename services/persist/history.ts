import type { Database, Transaction } from "#adapters/postgres.ts";
import { isRefusal } from "#adapters/postgres.ts";
import { Failure } from "#core/failure.ts";
import { bisect } from "./bisect.ts";
import type { SecondDays } from "./second_days.ts";
import { type Hole, NO_WORK, type Refusal, type SecondWork, type Work } from "./work.ts";

/** Refused items of a kind in one store, above which the schema or we are wrong, and the service ends. */
const REFUSED_MAX = 100;

/** What a transaction did to the seconds. */
export interface Stored {
  /** Rows that were inserted or replaced. */
  readonly effective: number;
  /** Rows whose revision was stored already. */
  readonly equal: number;
  /** Rows whose second is stored in a newer revision. */
  readonly older: number;
  readonly refusals: readonly Refusal[];
}

/**
 * Writes work into PostgreSQL: seconds with their dirty buckets, coverage, the feed's state and listings, all in one
 * transaction. Repeating is harmless.
 *
 * When the database refuses the content, the work is bisected: each refused item is named, the rest is stored, and what
 * the refused ones leave uncovered is written with the coverage, last.
 */
export class History {
  readonly #database: Database;
  readonly #days: SecondDays;

  constructor(database: Database, days: SecondDays) {
    this.#database = database;
    this.#days = days;
  }

  /** @param work merged: each key once, seconds sorted @throws what the database or the way to it says, but for refusals */
  async store(work: Work): Promise<Stored> {
    const { known, passed } = await this.#days.ensure(work.seconds);
    const tooOld: Refusal[] = passed.map(({ record, event }) => ({
      record,
      failure: new Failure(
        "second_too_old",
        `${event.market} ${new Date(event.startsAtMs).toISOString()} is on a day that was dropped`,
      ),
      hole: null,
    }));
    const rest = { ...work, seconds: known };
    try {
      return withRefusals(await this.#transaction(rest), tooOld);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // a day dropped by another instance refuses its rows too: ask again from here on
      this.#days.forget();
      return withRefusals(await this.#storeBisected(rest), tooOld);
    }
  }

  async #storeBisected(work: Work): Promise<Stored> {
    const counts = { effective: 0, equal: 0, older: 0 };
    const refusals: Refusal[] = [];
    const add = (stored: Omit<Stored, "refusals">): void => {
      counts.effective += stored.effective;
      counts.equal += stored.equal;
      counts.older += stored.older;
    };
    for (
      const { item, error } of await bisect(
        work.seconds,
        async (seconds) => add(await this.#transaction({ ...NO_WORK, seconds })),
        isRefusal,
        REFUSED_MAX,
      )
    ) {
      const { market, startsAtMs } = item.event;
      refusals.push({
        record: item.record,
        failure: refused(error),
        hole: { market, sinceMs: startsAtMs, untilMs: startsAtMs + 1_000 },
      });
    }
    for (
      const { item, error } of await bisect(
        work.listings,
        async (listings) => add(await this.#transaction({ ...NO_WORK, listings })),
        isRefusal,
        REFUSED_MAX,
      )
    ) refusals.push({ record: item.record, failure: refused(error), hole: null });
    // holes before the coverage they are cut out of
    await this.#transaction({ ...NO_WORK, refusals: [...work.refusals, ...refusals] });
    for (
      const { item, error } of await bisect(
        work.marks,
        async (marks) => add(await this.#transaction({ ...NO_WORK, marks })),
        isRefusal,
        REFUSED_MAX,
      )
    ) refusals.push({ record: item.record, failure: refused(error), hole: null });
    return { ...counts, refusals };
  }

  async #transaction(work: Work): Promise<Omit<Stored, "refusals">> {
    const holes = work.refusals.map(({ hole }) => hole).filter((hole) => hole !== null);
    return await this.#database.begin(async (raw) => {
      const transaction = raw as unknown as Transaction;
      const counts = work.seconds.length === 0
        ? { effective: 0, equal: 0, older: 0 }
        : await upsertSeconds(transaction, work.seconds);
      if (holes.length > 0) await insertHoles(transaction, holes);
      if (work.marks.length > 0) await storeMarks(transaction, work);
      if (work.listings.length > 0) await storeListings(transaction, work);
      return counts;
    });
  }
}

/**
 * One statement for all rows, whatever their number: arrays of columns, `unnest`ed. Arrays are of built-in types only: the
 * client learns array types when it connects, and writes those of a later migration wrongly. The guard compares what
 * `candleRevision` is made of, as one row value; only effective rows make their minute dirty.
 *
 * Rates of others, 1,000 rows at a time: COPY into a staging table and merge 15,000 rows/s, multi-row VALUES 33,000, this
 * 62,000 without provenance and dirty rows (bench/upsert.ts measures it with them).
 */
async function upsertSeconds(
  transaction: Transaction,
  seconds: readonly SecondWork[],
): Promise<Omit<Stored, "refusals">> {
  const column = (read: (event: SecondWork["event"]) => string): string[] =>
    seconds.map(({ event }) => read(event));
  const [row] = await transaction`
    WITH incoming AS (
      SELECT * FROM unnest(
        ${column((event) => event.market)}::text[],
        ${column((event) => iso(event.startsAtMs))}::timestamptz[],
        ${column((event) => iso(event.lastTickAtMs))}::timestamptz[],
        ${column((event) => iso(event.receivedAtMs))}::timestamptz[],
        ${column((event) => event.origin)}::text[],
        ${column((event) => event.open)}::numeric[],
        ${column((event) => event.high)}::numeric[],
        ${column((event) => event.low)}::numeric[],
        ${column((event) => event.close)}::numeric[],
        ${column((event) => event.volume)}::numeric[],
        ${column((event) => event.turnover)}::numeric[]
      ) AS t(market, starts_at, last_tick_at, received_at, origin, open, high, low, close, volume, turnover)
    ), effective AS (
      INSERT INTO market_candle_1s AS stored (
        market, starts_at, last_tick_at, received_at, correction_ms, origin, revisions, deleted,
        open, high, low, close, volume, turnover)
      SELECT market, starts_at, last_tick_at, received_at, 0, origin::candle_origin, 0, false,
        open, high, low, close, volume, turnover
      FROM incoming
      ON CONFLICT (market, starts_at) DO UPDATE SET
        last_tick_at = excluded.last_tick_at, received_at = excluded.received_at,
        correction_ms = excluded.correction_ms, origin = excluded.origin,
        revisions = least(stored.revisions + 1, 32767), deleted = excluded.deleted,
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        volume = excluded.volume, turnover = excluded.turnover
      WHERE (excluded.correction_ms, excluded.last_tick_at, excluded.volume)
        > (stored.correction_ms, stored.last_tick_at, stored.volume)
      RETURNING market, starts_at
    ), dirtied AS (
      INSERT INTO candle_dirty (interval, market, starts_at)
      SELECT DISTINCT '1m', market, date_bin('1 minute', starts_at, 'epoch') FROM effective
    )
    SELECT count(*)::int AS effective FROM effective`;
  const effective = row!["effective"] as number;
  if (effective === seconds.length) return { effective, equal: 0, older: 0 };
  // seldom: after a restart or a replay, or with a hot spare
  const [again] = await transaction`
    SELECT count(*)::int AS equal
    FROM unnest(
      ${column((event) => event.market)}::text[],
      ${column((event) => iso(event.startsAtMs))}::timestamptz[],
      ${column((event) => iso(event.lastTickAtMs))}::timestamptz[],
      ${column((event) => event.volume)}::numeric[]
    ) AS t(market, starts_at, last_tick_at, volume)
    JOIN market_candle_1s USING (market, starts_at, last_tick_at, volume)
    WHERE correction_ms = 0`;
  // what was effective equals its row now
  const equal = (again!["equal"] as number) - effective;
  return { effective, equal, older: seconds.length - effective - equal };
}

async function insertHoles(transaction: Transaction, holes: readonly Hole[]): Promise<void> {
  await transaction`
    INSERT INTO coverage_hole (market, since, until, cause)
    SELECT DISTINCT market, since, until, 'refused' FROM unnest(
      ${holes.map(({ market }) => market)}::text[],
      ${holes.map(({ sinceMs }) => iso(sinceMs))}::timestamptz[],
      ${holes.map(({ untilMs }) => iso(untilMs))}::timestamptz[]
    ) AS t(market, since, until)
    ON CONFLICT DO NOTHING`;
}

/** Lengthens sessions, and moves each partition's feed on; an older mark changes nothing. */
async function storeMarks(transaction: Transaction, { marks }: Work): Promise<void> {
  const sessions = marks.flatMap(({ mark, record }) =>
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
  if (sessions.length > 0) {
    await transaction`
      INSERT INTO coverage_session AS stored
        (session, partition, markets, since, until, written_at, ended, cause, ended_by)
      SELECT session, partition, markets, since, until, written_at, ended, cause,
        CASE WHEN ended THEN cause END
      FROM jsonb_to_recordset(${JSON.stringify(sessions)}::text::jsonb) AS t(
        session text, partition smallint, markets text[], since timestamptz, until timestamptz,
        written_at timestamptz, ended boolean, cause text)
      ORDER BY session, partition
      ON CONFLICT (session, partition) DO UPDATE SET
        until = greatest(stored.until, excluded.until),
        written_at = excluded.written_at,
        ended = stored.ended OR excluded.ended,
        ended_by = coalesce(stored.ended_by, excluded.ended_by)
      WHERE excluded.written_at > stored.written_at`;
  }
  const feed = new Map<number, Record<string, unknown>>();
  for (const { mark, record } of marks) {
    const { partition } = record;
    const held = feed.get(partition);
    if (held !== undefined && (held["written_at_ms"] as number) >= mark.writtenAtMs) continue;
    feed.set(partition, {
      partition,
      written_at_ms: mark.writtenAtMs,
      written_at: iso(mark.writtenAtMs),
      until: mark.session === null ? null : iso(mark.session.untilMs),
      link: mark.link,
      cause: mark.cause,
    });
  }
  await transaction`
    INSERT INTO feed AS stored (partition, written_at, until, link, cause)
    SELECT partition, written_at, until, link, cause
    FROM jsonb_to_recordset(${JSON.stringify([...feed.values()])}::text::jsonb) AS t(
      partition smallint, written_at timestamptz, until timestamptz, link text, cause text)
    ORDER BY partition
    ON CONFLICT (partition) DO UPDATE SET
      written_at = excluded.written_at, until = greatest(stored.until, excluded.until),
      link = excluded.link, cause = excluded.cause
    WHERE excluded.written_at > stored.written_at`;
}

async function storeListings(transaction: Transaction, { listings }: Work): Promise<void> {
  const listed = listings.flatMap(({ market, listing, element, seenAtMs }) =>
    listing === null ? [] : [{
      market,
      korean_name: listing.koreanName,
      english_name: listing.englishName,
      listing: element,
      seen_at: iso(seenAtMs),
    }]
  );
  if (listed.length > 0) {
    await transaction`
      INSERT INTO market AS stored
        (market, korean_name, english_name, listing, first_seen_at, last_seen_at)
      SELECT market, korean_name, english_name, listing::jsonb, seen_at, seen_at
      FROM jsonb_to_recordset(${JSON.stringify(listed)}::text::jsonb) AS t(
        market text, korean_name text, english_name text, listing text, seen_at timestamptz)
      ORDER BY market
      ON CONFLICT (market) DO UPDATE SET
        korean_name = excluded.korean_name, english_name = excluded.english_name,
        listing = excluded.listing, last_seen_at = excluded.last_seen_at, delisted_at = NULL
      WHERE excluded.last_seen_at >= stored.last_seen_at`;
  }
  const delisted = listings.filter(({ listing }) => listing === null);
  if (delisted.length > 0) {
    await transaction`
      UPDATE market SET delisted_at = t.seen_at, last_seen_at = t.seen_at
      FROM unnest(
        ${delisted.map(({ market }) => market)}::text[],
        ${delisted.map(({ seenAtMs }) => iso(seenAtMs))}::timestamptz[]
      ) AS t(market, seen_at)
      WHERE market.market = t.market AND market.last_seen_at <= t.seen_at
        AND market.delisted_at IS NULL`;
  }
}

function withRefusals(
  stored: Omit<Stored, "refusals"> & { refusals?: readonly Refusal[] },
  more: readonly Refusal[],
): Stored {
  return { ...stored, refusals: [...stored.refusals ?? [], ...more] };
}

function refused(error: unknown): Failure {
  return new Failure("postgres_refused", "PostgreSQL refused it", error);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
