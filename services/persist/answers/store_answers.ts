import type { Database } from "#adapters/postgres.ts";
import type { Candle } from "#core/candle.ts";
import { coveredBy, type ExchangeAnswer } from "#core/exchange_answer.ts";
import { decimal } from "#core/decimal.ts";
import { bucketEndMs } from "#core/interval.ts";
import { market } from "#core/market.ts";
import type { LedgerVerdict } from "#core/parity.ts";
import { unlessOlder } from "../second_upsert.ts";

/** What a transaction did. */
export interface StoredAnswers {
  /** Seconds that were inserted or replaced an older revision. */
  readonly seconds: number;
  /** Longer candles that were inserted or came with other values. */
  readonly candles: number;
  /** Answers that covered something new. */
  readonly covered: number;
  /** Candles that were compared for the first time, or differ, by verdict. */
  readonly verdicts: Readonly<Partial<Record<LedgerVerdict, number>>>;
  /** Seconds that were corrected. */
  readonly corrections: readonly Correction[];
  /** Whether something of an answer's second is in the table: `market startsAtMs`. The others are left to the socket and to parity. */
  readonly taken: ReadonlySet<string>;
  /** Those of them that were inserted or replaced an older revision. */
  readonly changed: ReadonlySet<string>;
}

/** A second that two equal answers of the exchange tell otherwise than we did. */
export interface Correction {
  readonly candle: Candle;
  readonly correctionMs: number;
  /** The exchange has none: the row stays as a tombstone, with the values that it had. */
  readonly deleted: boolean;
}

export const NOTHING_STORED: StoredAnswers = {
  seconds: 0,
  candles: 0,
  covered: 0,
  verdicts: {},
  corrections: [],
  taken: new Set(),
  changed: new Set(),
};

/** Both together. */
export function storedBoth(a: StoredAnswers, b: StoredAnswers): StoredAnswers {
  const verdicts = { ...a.verdicts };
  for (const [verdict, count] of Object.entries(b.verdicts) as [LedgerVerdict, number][]) {
    verdicts[verdict] = (verdicts[verdict] ?? 0) + count;
  }
  return {
    seconds: a.seconds + b.seconds,
    candles: a.candles + b.candles,
    covered: a.covered + b.covered,
    verdicts,
    corrections: [...a.corrections, ...b.corrections],
    taken: new Set([...a.taken, ...b.taken]),
    changed: new Set([...a.changed, ...b.changed]),
  };
}

/**
 * Stores answers of the exchange. Repeating is harmless.
 *
 * @param answers of any number of markets. Where two are about the same candles, each is a statement and so a transaction of its
 * own, the one asked earlier first: a verdict depends on what the answer before it left
 */
export async function storeAnswers(
  database: Database,
  answers: readonly ExchangeAnswer[],
): Promise<StoredAnswers> {
  let stored = NOTHING_STORED;
  for (const layer of layers(answers)) {
    stored = storedBoth(stored, await storeApart(database, layer));
  }
  return stored;
}

/** Answers that do not overlap, then those that overlap with the first ones, and so on. */
function layers(answers: readonly ExchangeAnswer[]): readonly (readonly ExchangeAnswer[])[] {
  const found: ExchangeAnswer[][] = [];
  for (const answer of [...answers].sort((a, b) => a.fetchedAtMs - b.fetchedAtMs)) {
    const after = found.findLastIndex((layer) => layer.some((other) => overlap(answer, other)));
    (found[after + 1] ??= []).push(answer);
  }
  return found;
}

function overlap(a: ExchangeAnswer, b: ExchangeAnswer): boolean {
  return a.market === b.market && a.interval === b.interval &&
    a.sinceMs < b.untilMs && b.sinceMs < a.untilMs;
}

/**
 * One statement, which is one transaction (why: store_statement.ts).
 *
 * - Each answer is compared with what stood there before (sql/0010_parity.sql).
 * - Seconds go into the table of seconds by the same guard as those of the socket: an equal or older revision changes
 *   nothing, and what is not yet final never lowers what is newer. Where the socket saw everything, or is about to, they are
 *   left to it: what differs there is never repaired in silence, but by parity.
 * - Longer candles go beside the roll-ups, the newest answer of each; where they say something new, the bucket is dirty, and
 *   the drain decides what becomes of it. One whose bucket had not ended when it was asked says nothing final and is left out.
 * - What an answer covers is noted with its rows, unless it is covered already: comparing again and again what is known adds no
 *   rows.
 *
 * What begins before seconds are kept is neither stored nor covered: its partition is gone or about to go.
 */
async function storeApart(
  database: Database,
  answers: readonly ExchangeAnswer[],
): Promise<StoredAnswers> {
  const seconds = [...newest(answers, ({ interval }) => interval === "1s").values()];
  const candles = [
    ...newest(answers, ({ interval }) => interval !== "1s").values(),
  ].filter(({ candle: { interval, startsAtMs }, fetchedAtMs }) =>
    bucketEndMs(interval, startsAtMs) <= fetchedAtMs
  );
  const coverage = answers.flatMap((answer) => {
    const covered = coveredBy(answer);
    return covered === null ? [] : [{ ...answer, ...covered }];
  });
  const rows = answers.flatMap((answer, index) => answer.rows.map((candle) => ({ index, candle })));
  const askedAt = iso(Math.max(0, ...answers.map(({ fetchedAtMs }) => fetchedAtMs)));
  const markets = [...new Set(answers.map(({ market }) => market))].sort();
  const [row] = await database`
    WITH kept AS (
      SELECT kept_since FROM retention WHERE relation = 'market_candle_1s'
    ), seen AS MATERIALIZED (
      SELECT * FROM parity_seen(${askedAt}::text::timestamptz, ${markets}::text[])
    ), compared AS MATERIALIZED (
      SELECT c AS bucket
      FROM unnest(
        ${answers.map((_, index) => index)}::int[],
        ${answers.map(({ market }) => market)}::text[],
        ${answers.map(({ interval }) => interval)}::text[],
        ${answers.map(({ sinceMs }) => iso(sinceMs))}::timestamptz[],
        ${answers.map(({ untilMs }) => iso(untilMs))}::timestamptz[],
        ${answers.map(({ fetchedAtMs }) => iso(fetchedAtMs))}::timestamptz[]
      ) AS a(index, market, interval, since, until, fetched_at)
      LEFT JOIN (
        SELECT t.index, array_agg(t.starts_at) AS starts, array_agg(t.tick) AS ticks, array_agg(t.open) AS opens,
          array_agg(t.high) AS highs, array_agg(t.low) AS lows, array_agg(t.close) AS closes,
          array_agg(t.volume) AS volumes, array_agg(t.turnover) AS turnovers
        FROM unnest(
          ${rows.map(({ index }) => index)}::int[],
          ${rows.map(({ candle }) => iso(candle.startsAtMs))}::timestamptz[],
          ${rows.map(({ candle }) => iso(candle.lastTickAtMs))}::timestamptz[],
          ${rows.map(({ candle }) => candle.open)}::numeric[],
          ${rows.map(({ candle }) => candle.high)}::numeric[],
          ${rows.map(({ candle }) => candle.low)}::numeric[],
          ${rows.map(({ candle }) => candle.close)}::numeric[],
          ${rows.map(({ candle }) => candle.volume)}::numeric[],
          ${rows.map(({ candle }) => candle.turnover)}::numeric[]
        ) AS t(index, starts_at, tick, open, high, low, close, volume, turnover)
        GROUP BY t.index
      ) r ON r.index = a.index
      CROSS JOIN LATERAL parity_compare(${askedAt}::text::timestamptz, a.market, a.interval, a.since, a.until, a.fetched_at,
        r.starts, r.ticks, r.opens, r.highs, r.lows, r.closes, r.volumes, r.turnovers) AS c
    ), corrected AS MATERIALIZED (
      SELECT * FROM parity_note(ARRAY(SELECT bucket FROM compared))
    ), second AS (
      SELECT t.* FROM unnest(
        ${seconds.map(({ candle }) => candle.market)}::text[],
        ${seconds.map(({ candle }) => iso(candle.startsAtMs))}::timestamptz[],
        ${seconds.map(({ candle }) => iso(candle.lastTickAtMs))}::timestamptz[],
        ${seconds.map(({ fetchedAtMs }) => iso(fetchedAtMs))}::timestamptz[],
        ${seconds.map(({ candle }) => candle.open)}::numeric[],
        ${seconds.map(({ candle }) => candle.high)}::numeric[],
        ${seconds.map(({ candle }) => candle.low)}::numeric[],
        ${seconds.map(({ candle }) => candle.close)}::numeric[],
        ${seconds.map(({ candle }) => candle.volume)}::numeric[],
        ${seconds.map(({ candle }) => candle.turnover)}::numeric[]
      ) AS t(market, starts_at, last_tick_at, fetched_at, open, high, low, close, volume, turnover)
      JOIN kept ON t.starts_at >= kept.kept_since
      LEFT JOIN seen ON seen.market = t.market
      -- whole seconds, as below: of one in which a session begins or ends the answer covers all, so it stores its row too
      WHERE seen.expected @> tstzrange(t.starts_at, t.starts_at + interval '1 second') IS NOT TRUE
    ), effective AS (
      INSERT INTO market_candle_1s AS stored (
        market, starts_at, last_tick_at, received_at, correction_ms, origin, revisions, deleted,
        open, high, low, close, volume, turnover)
      SELECT market, starts_at, last_tick_at, fetched_at, 0, 'rest', 0, false,
        open, high, low, close, volume, turnover
      FROM second
      ${unlessOlder(database)}
      RETURNING market, starts_at
    ), candle AS (
      SELECT * FROM unnest(
        ${candles.map(({ candle }) => candle.market)}::text[],
        ${candles.map(({ candle }) => candle.interval)}::text[],
        ${candles.map(({ candle }) => iso(candle.startsAtMs))}::timestamptz[],
        ${candles.map(({ candle }) => iso(candle.lastTickAtMs))}::timestamptz[],
        ${candles.map(({ fetchedAtMs }) => iso(fetchedAtMs))}::timestamptz[],
        ${candles.map(({ candle }) => candle.open)}::numeric[],
        ${candles.map(({ candle }) => candle.high)}::numeric[],
        ${candles.map(({ candle }) => candle.low)}::numeric[],
        ${candles.map(({ candle }) => candle.close)}::numeric[],
        ${candles.map(({ candle }) => candle.volume)}::numeric[],
        ${candles.map(({ candle }) => candle.turnover)}::numeric[]
      ) AS t(market, interval, starts_at, last_tick_at, fetched_at, open, high, low, close, volume, turnover)
    ), news AS (
      -- as it was before this statement; a market's answers are on one partition, so nobody else writes it meanwhile
      SELECT c.interval, c.market, c.starts_at FROM candle c
      LEFT JOIN LATERAL (
        SELECT s.* FROM exchange_candle s
        WHERE s.market = c.market AND s.starts_at = c.starts_at AND s.interval = c.interval LIMIT 1
      ) s ON true
      WHERE s.fetched_at IS NULL OR c.fetched_at > s.fetched_at
        AND (c.last_tick_at, c.open, c.high, c.low, c.close, c.volume, c.turnover)
          IS DISTINCT FROM (s.last_tick_at, s.open, s.high, s.low, s.close, s.volume, s.turnover)
    ), written AS (
      INSERT INTO exchange_candle AS stored (
        market, interval, starts_at, last_tick_at, fetched_at, open, high, low, close, volume, turnover)
      SELECT market, interval, starts_at, last_tick_at, fetched_at, open, high, low, close, volume, turnover
      FROM candle
      ON CONFLICT (market, starts_at, interval) DO UPDATE SET
        last_tick_at = excluded.last_tick_at, fetched_at = excluded.fetched_at,
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        volume = excluded.volume, turnover = excluded.turnover
      WHERE excluded.fetched_at > stored.fetched_at
    ), dirtied AS (
      INSERT INTO candle_dirty (interval, market, starts_at)
      SELECT DISTINCT '1m', market, date_bin('1 minute', starts_at, 'epoch') FROM effective
      UNION ALL
      SELECT interval, market, starts_at FROM news
    ), answer AS (
      SELECT DISTINCT ON (t.market, t.interval, a.since, a.until)
        t.market, t.interval, a.since, a.until, t.fetched_at
      FROM unnest(
        ${coverage.map(({ market }) => market)}::text[],
        ${coverage.map(({ interval }) => interval)}::text[],
        ${coverage.map(({ sinceMs }) => iso(sinceMs))}::timestamptz[],
        ${coverage.map(({ untilMs }) => iso(untilMs))}::timestamptz[],
        ${coverage.map(({ fetchedAtMs }) => iso(fetchedAtMs))}::timestamptz[]
      ) AS t(market, interval, since, until, fetched_at)
      CROSS JOIN kept LEFT JOIN seen ON seen.market = t.market
      CROSS JOIN LATERAL (
        -- whole seconds: a session begins or ends within one, which only the answer has whole
        SELECT date_trunc('second', lower(r.range)) AS since,
          date_trunc('second', upper(r.range) + interval '999999 us') AS until
        FROM unnest(CASE t.interval
          WHEN '1s' THEN tstzmultirange(tstzrange(least(greatest(t.since, kept.kept_since), t.until), t.until))
            - coalesce(seen.expected, '{}')
          ELSE tstzmultirange(tstzrange(t.since, t.until)) END) AS r(range)
      ) a
      WHERE NOT EXISTS (
        SELECT FROM coverage_known k WHERE k.market = t.market AND k.interval = t.interval
          AND k.covered @> tstzrange(a.since, a.until)
      ) AND NOT EXISTS (
        -- what was compared is folded from what we know, the whole of it
        SELECT FROM compared c WHERE t.interval <> '1s' AND (c.bucket).market = t.market AND (c.bucket).interval = t.interval
          AND (c.bucket).looked_at @> tstzrange(a.since, a.until)
      )
      ORDER BY t.market, t.interval, a.since, a.until, t.fetched_at
    ), covered AS (
      INSERT INTO coverage_answer (market, interval, since, until, fetched_at)
      SELECT market, interval, since, until, fetched_at FROM answer
      ON CONFLICT DO NOTHING
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM effective)::int AS seconds, (SELECT count(*) FROM news)::int AS candles,
      (SELECT count(*) FROM covered)::int AS covered,
      (SELECT json_object_agg(v.verdict, v.count) FROM (
        SELECT CASE WHEN NOT (bucket).own AND (bucket).verdict IN ('match', 'match_rounded') THEN 'taken'
          ELSE (bucket).verdict::text END AS verdict, count(*) FROM compared
        WHERE (bucket).fresh OR (bucket).verdict NOT IN ('match', 'match_rounded') GROUP BY 1
      ) v) AS verdicts,
      (SELECT json_agg(json_build_object('market', c.market, 'starts_at_ms', extract(epoch FROM c.starts_at) * 1000,
        'last_tick_at_ms', extract(epoch FROM c.last_tick_at) * 1000, 'correction_ms', c.correction_ms, 'deleted', c.deleted,
        'open', c.open::text, 'high', c.high::text, 'low', c.low::text, 'close', c.close::text, 'volume', c.volume::text,
        'turnover', c.turnover::text)) FROM corrected c) AS corrections,
      (SELECT json_agg(t.market || ' ' || round(extract(epoch FROM t.starts_at) * 1000)) FROM second t) AS taken,
      (SELECT json_agg(t.market || ' ' || round(extract(epoch FROM t.starts_at) * 1000)) FROM effective t) AS changed`;
  return {
    seconds: row!["seconds"] as number,
    candles: row!["candles"] as number,
    covered: row!["covered"] as number,
    verdicts: row!["verdicts"] as StoredAnswers["verdicts"] | null ?? {},
    corrections: (row!["corrections"] as readonly CorrectedRow[] | null ?? []).map(correctionOf),
    taken: new Set(row!["taken"] as readonly string[] | null ?? []),
    changed: new Set(row!["changed"] as readonly string[] | null ?? []),
  };
}

interface CorrectedRow {
  readonly market: string;
  readonly starts_at_ms: number;
  readonly last_tick_at_ms: number;
  readonly correction_ms: number;
  readonly deleted: boolean;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly turnover: string;
}

function correctionOf(row: CorrectedRow): Correction {
  return {
    candle: {
      market: market(row.market),
      interval: "1s",
      startsAtMs: Math.round(row.starts_at_ms),
      lastTickAtMs: Math.round(row.last_tick_at_ms),
      open: decimal(row.open),
      high: decimal(row.high),
      low: decimal(row.low),
      close: decimal(row.close),
      volume: decimal(row.volume),
      turnover: decimal(row.turnover),
    },
    correctionMs: row.correction_ms,
    deleted: row.deleted,
  };
}

interface Fetched {
  readonly candle: Candle;
  readonly fetchedAtMs: number;
}

/** Each candle once, of the latest answer, sorted by key: statements that lock rows in one order cannot deadlock. */
function newest(
  answers: readonly ExchangeAnswer[],
  chosen: (answer: ExchangeAnswer) => boolean,
): ReadonlyMap<string, Fetched> {
  const found = new Map<string, Fetched>();
  for (const { rows, fetchedAtMs } of answers.filter(chosen)) {
    for (const candle of rows) {
      const key = `${candle.market} ${candle.interval} ${candle.startsAtMs}`;
      const held = found.get(key);
      if (held === undefined || held.fetchedAtMs < fetchedAtMs) {
        found.set(key, { candle, fetchedAtMs });
      }
    }
  }
  return new Map(
    [...found].sort(([, { candle: a }], [, { candle: b }]) =>
      a.market === b.market
        ? a.startsAtMs - b.startsAtMs || a.interval.localeCompare(b.interval)
        : a.market < b.market
        ? -1
        : 1
    ),
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
