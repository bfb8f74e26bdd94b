import type { Database } from "#adapters/postgres.ts";
import type { Interval } from "#core/interval.ts";

/** A second as a test writes it: prices are all the same, so that they tell which second they are from. */
export interface TestSecond {
  readonly market: string;
  readonly at: string;
  readonly price: string;
  readonly volume?: string;
  readonly turnover?: string;
  /** Which revision, 0 …: goes into the time of the last tick. */
  readonly revision?: number;
  readonly deleted?: boolean;
}

/** Stores seconds as persist does: newest revision wins, effective rows make their minute dirty, one transaction. */
export async function writeSeconds(
  sql: Pick<Database, "unsafe">,
  seconds: readonly TestSecond[],
): Promise<void> {
  const rows = seconds.map(
    ({ market, at, price, volume = "1", turnover = price, revision = 0, deleted = false }) => ({
      market,
      at,
      price,
      volume,
      turnover,
      deleted,
      tick: new Date(Date.parse(at) + 900 + revision).toISOString(),
    }),
  );
  await sql.unsafe(
    `WITH incoming AS (
       SELECT * FROM jsonb_to_recordset($1::text::jsonb) AS t(
         market text, at timestamptz, tick timestamptz, price numeric, volume numeric, turnover numeric, deleted boolean)
     ), effective AS (
       INSERT INTO market_candle_1s AS stored (starts_at, last_tick_at, received_at, correction_ms, origin, revisions,
         deleted, market, open, high, low, close, volume, turnover)
       SELECT at, tick, at + interval '1 s', 0, 'websocket', 0, deleted, market, price, price, price, price, volume, turnover
       FROM incoming ORDER BY market, at
       ON CONFLICT (market, starts_at) DO UPDATE SET
         last_tick_at = excluded.last_tick_at, deleted = excluded.deleted, open = excluded.open, high = excluded.high,
         low = excluded.low, close = excluded.close, volume = excluded.volume, turnover = excluded.turnover
       WHERE (excluded.correction_ms, excluded.last_tick_at, excluded.volume)
         > (stored.correction_ms, stored.last_tick_at, stored.volume)
       RETURNING market, starts_at
     )
     INSERT INTO candle_dirty (interval, market, starts_at)
     SELECT DISTINCT '1m', market, date_bin('1 minute', starts_at, 'epoch') FROM effective`,
    [JSON.stringify(rows)],
  );
}

/** Stores a whole second as the socket brought it, once, and makes nothing dirty. Decimals as text, times in ms. */
export async function writeReceived(
  sql: Database,
  { market, startsAtMs, lastTickAtMs, open, high, low, close, volume, turnover }: ReceivedSecond,
): Promise<void> {
  const at = (ms: number): string => new Date(ms).toISOString();
  await sql`
    INSERT INTO market_candle_1s (starts_at, last_tick_at, received_at, correction_ms, origin, revisions, deleted, market,
      open, high, low, close, volume, turnover)
    VALUES (${at(startsAtMs)}::text::timestamptz, ${at(lastTickAtMs)}::text::timestamptz,
      ${at(startsAtMs)}::text::timestamptz, 0, 'websocket', 0, false, ${market}, ${open}::numeric,
      ${high}::numeric, ${low}::numeric, ${close}::numeric, ${volume}::numeric, ${turnover}::numeric)`;
}

export interface ReceivedSecond {
  readonly market: string;
  readonly startsAtMs: number;
  readonly lastTickAtMs: number;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly turnover: string;
}

export async function makeDays(sql: Database, days: readonly string[]): Promise<void> {
  for (const day of days) await sql`SELECT ensure_seconds_day(${day}::text::date)`;
}

export interface TestSession {
  readonly session: string;
  readonly markets: readonly string[];
  readonly since: string;
  readonly until: string;
  readonly ended?: boolean;
}

/** A mark: what a session covers now. */
export async function writeMark(sql: Database, mark: TestSession): Promise<void> {
  const { session, markets, since, until, ended = false } = mark;
  await sql`
    INSERT INTO coverage_session AS stored
      (session, partition, markets, since, until, written_at, ended, cause)
    VALUES (${session}, 0, ${[...markets]}::text[], ${since}::text::timestamptz,
      ${until}::text::timestamptz, ${until}::text::timestamptz, ${ended}, 'started')
    ON CONFLICT (session, partition) DO UPDATE SET until = excluded.until,
      written_at = excluded.written_at, ended = excluded.ended`;
}

export interface TestAnswer {
  readonly market: string;
  readonly interval: Interval;
  readonly since: string;
  readonly until: string;
  /** Start and price (also the turnover) of each row; the volume is 1. */
  readonly rows: readonly (readonly [at: string, price: string])[];
}

/** An answer of the exchange for an interval of a minute or more, with its rows, as persist will store it. */
export async function writeAnswer(sql: Database, answer: TestAnswer): Promise<void> {
  const { market, interval, since, until, rows } = answer;
  await sql.begin(async (transaction) => {
    for (const [at, price] of rows) {
      await transaction`
        INSERT INTO exchange_candle (starts_at, last_tick_at, fetched_at, interval, market,
          open, high, low, close, volume, turnover)
        VALUES (${at}::text::timestamptz, ${at}::text::timestamptz,
          ${until}::text::timestamptz + interval '10 s', ${interval}, ${market},
          ${price}::numeric, ${price}::numeric, ${price}::numeric, ${price}::numeric, 1, ${price}::numeric)`;
      await transaction`INSERT INTO candle_dirty (interval, market, starts_at)
        VALUES (${interval}, ${market}, ${at}::text::timestamptz)`;
    }
    await transaction`
      INSERT INTO coverage_answer (since, until, fetched_at, market, interval)
      VALUES (${since}::text::timestamptz, ${until}::text::timestamptz,
        ${until}::text::timestamptz + interval '10 s', ${market}, ${interval})`;
  });
}

/** Rounds at one time until none is left. */
export async function drainAt(sql: Database, at: string, oldMax = 2_000): Promise<number> {
  let folded = 0;
  for (;;) {
    const [row] = await sql`SELECT * FROM rollup_round(${at}::text::timestamptz, ${oldMax})`;
    folded += row!["folded"] as number;
    if (row!["folded"] === 0) return folded;
  }
}

export interface StoredRollup {
  readonly market: string;
  readonly interval: Interval;
  readonly at: string;
  readonly until: string;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly turnover: string;
  readonly lastTickAtMs: number;
  readonly complete: boolean;
  readonly deleted: boolean;
  readonly source: string;
  readonly sequence: bigint;
}

export async function readRollups(
  sql: Database,
  interval: Interval | null = null,
): Promise<readonly StoredRollup[]> {
  const rows = await sql`
    SELECT c.* FROM market_candle c JOIN rollup_level l ON l.interval = c.interval
    WHERE ${interval}::text IS NULL OR c.interval = ${interval}
    ORDER BY l.level, market, starts_at`;
  return rows.map((row) => ({
    market: row["market"] as string,
    interval: row["interval"] as Interval,
    at: iso(row["starts_at"] as Date),
    until: iso(row["until"] as Date),
    open: row["open"] as string,
    high: row["high"] as string,
    low: row["low"] as string,
    close: row["close"] as string,
    volume: row["volume"] as string,
    turnover: row["turnover"] as string,
    lastTickAtMs: (row["last_tick_at"] as Date).getTime(),
    complete: row["complete"] as boolean,
    deleted: row["deleted"] as boolean,
    source: row["source"] as string,
    sequence: BigInt(row["sequence"] as string),
  }));
}

/** Everything a test wrote is gone; the schema and its reference rows stay. */
export async function clear(sql: Database): Promise<void> {
  // small tables: DELETE takes milliseconds where TRUNCATE makes new files for dozens of them
  for (
    const table of [
      "market_candle_1s",
      "market_candle",
      "candle_dirty",
      "rollup_todo",
      "rollup_outbox",
      "coverage_session",
      "coverage_seen",
      "coverage_known",
      "coverage_hole",
      "coverage_answer",
      "coverage_inbox",
      "exchange_candle",
    ]
  ) await sql`DELETE FROM ${sql(table)}`;
  await sql`UPDATE retention SET kept_since = '-infinity'`;
}

function iso(date: Date): string {
  return date.toISOString().replace(".000Z", "Z");
}
