import { type Database, sqlState } from "#adapters/postgres.ts";
import type { Candle } from "#core/candle.ts";
import {
  type CompareBucket,
  type ComparePage,
  type CompareRow,
  type CompareVerdict,
  encodeCompareCsv,
  encodeComparePage,
} from "#core/compare_page.ts";
import { decimal } from "#core/decimal.ts";
import { Failure, reason } from "#core/failure.ts";
import { compareCandles } from "#core/parity.ts";
import type { ParityRow, ParityState } from "#core/parity_page.ts";
import { Questions, type QuestionWords } from "../history/questions.ts";
import { type CompareRequest, compareRequestKey } from "./compare_request.ts";

/** Different questions under way at a time. */
const REQUESTS_MAX = 8;
/** PostgreSQL's name of a value that cannot be: a market that is not listed. */
const VALUE_INVALID = "22023";

const WORDS: QuestionWords = {
  name: "compare",
  questions: "different comparisons",
  what: "the rows",
  timeout: "the rows were not read in time; ask for a shorter time",
};

export type WishOutcome = "wished" | "waiting" | "known" | "full";

/** Answers `GET /api/compare` and takes what its readers wait for: each question is asked once however many ask it. */
export class Compare {
  readonly #database: Database;
  readonly #pages = new Questions<ComparePage>(WORDS, REQUESTS_MAX);
  readonly #wishes = new Questions<WishOutcome>(WORDS, REQUESTS_MAX);

  /** @param database with a statement timeout */
  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * @returns JSON or CSV, see core/compare_page.ts
   * @throws Failure `compare_busy`, `compare_timeout`, `compare_unavailable`
   */
  async body(request: CompareRequest, format: "json" | "csv"): Promise<string> {
    const page = await this.page(request);
    return format === "csv" ? encodeCompareCsv(page) : encodeComparePage(page);
  }

  /** @throws Failure `compare_busy`, `compare_timeout`, `compare_unavailable` */
  async page(request: CompareRequest): Promise<ComparePage> {
    return await this.#pages.answer(
      compareRequestKey(request),
      () => listed(() => readCompare(this.#database, request)),
    );
  }

  /**
   * Asks that the exchange be asked for what is not fetched.
   *
   * @throws Failure `market_unknown`, `wishes_full`, `compare_busy`, `compare_timeout`, `compare_unavailable`
   */
  async wish(request: CompareRequest): Promise<WishOutcome> {
    const outcome = await this.#wishes.answer(
      compareRequestKey(request),
      () => listed(() => wish(this.#database, request)),
    );
    if (outcome === "full") {
      throw new Failure(
        "wishes_full",
        "as many stretches as may wait for the exchange do; try again in a minute",
      );
    }
    return outcome;
  }
}

/** @throws Failure `market_unknown` */
async function listed<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (sqlState(error) !== VALUE_INVALID) throw error;
    throw new Failure("market_unknown", `${reason(error)}; choose a listed market`, error);
  }
}

/** One statement, so that both sides and what is not fetched are of one moment. */
async function readCompare(database: Database, request: CompareRequest): Promise<ComparePage> {
  const { market, interval, sinceMs, untilMs } = request;
  const [row] = await database`
    WITH asked AS (
      SELECT ${iso(sinceMs)}::text::timestamptz AS since, ${
    iso(untilMs)
  }::text::timestamptz AS until,
        ${market}::text AS market, ${interval}::text AS interval
    ), missing AS MATERIALIZED (
      SELECT n.* FROM asked a CROSS JOIN LATERAL compare_not_fetched(now(), a.market, a.interval, a.since, a.until) n
    )
    SELECT (
      SELECT coalesce(json_agg(json_build_object('startsAtMs', epoch_ms(b.starts_at), 'standing', b.standing, 'state', b.state,
        'reason', b.reason, 'fetchedAtMs', epoch_ms(b.fetched_at), 'ours', b.ours, 'theirs', b.theirs)), '[]')
      FROM compare_buckets(now(), a.market, a.interval, a.since, a.until) b
    ) AS buckets, (
      SELECT coalesce(json_agg(json_build_object('sinceMs', epoch_ms(m.since), 'untilMs', epoch_ms(m.until)) ORDER BY m.since), '[]')
      FROM missing m
    ) AS missing, (
      SELECT coalesce(bool_and(EXISTS (
        SELECT FROM exchange_wish w WHERE w.market = a.market AND w.interval = a.interval AND w.reason IN ('parity', 'compare')
          AND w.since <= m.since AND w.until >= m.until)), false) FROM missing m
    ) AS wished, (
      SELECT epoch_ms(g) FROM compare_given_since(now(), a.interval) g WHERE g > a.since
    )::float8 AS given_since_ms
    FROM asked a`;
  const stored = row!["buckets"] as readonly StoredBucket[];
  return {
    ...request,
    notFetched: row!["missing"] as ComparePage["notFetched"],
    givenSinceMs: row!["given_since_ms"] as number | null,
    wished: row!["wished"] as boolean,
    buckets: stored.map((bucket) => bucketOf(request, bucket)),
  };
}

interface StoredBucket {
  readonly startsAtMs: number;
  readonly standing: "both" | "partly" | "same" | Exclude<CompareVerdict, "match">;
  readonly state: ParityState | null;
  readonly reason: string | null;
  readonly fetchedAtMs: number | null;
  readonly ours: ParityRow | null;
  readonly theirs: ParityRow | null;
}

function bucketOf(request: CompareRequest, stored: StoredBucket): CompareBucket {
  const { startsAtMs, state, reason, fetchedAtMs } = stored;
  return {
    startsAtMs,
    verdict: verdictOf(request, stored),
    state,
    reason,
    fetchedAtMs,
    ours: rowOf(stored.ours),
    theirs: rowOf(stored.theirs),
  };
}

/** What is the exchange's own in part may still differ; where it agrees, it agrees with itself. */
function verdictOf(request: CompareRequest, stored: StoredBucket): CompareVerdict {
  const { standing } = stored;
  if (standing === "same") return "match";
  if (standing !== "both" && standing !== "partly") return standing;
  const told = toldOf(request, stored);
  return standing === "partly" && (told === "match" || told === "match_rounded") ? "taken" : told;
}

function toldOf(
  { market, interval }: CompareRequest,
  { startsAtMs, ours, theirs }: StoredBucket,
): CompareVerdict {
  const candles = (row: ParityRow | null): Candle[] =>
    row === null
      ? []
      : [{ market, interval, startsAtMs, ...rowOf(row)!, lastTickAtMs: row.last_tick_at_ms }];
  // both without a row: a second that both have taken back
  return compareCandles(candles(ours), candles(theirs))[0]?.verdict.kind ?? "match";
}

function rowOf(row: ParityRow | null): CompareRow | null {
  if (row === null) return null;
  return {
    open: decimal(row.open),
    high: decimal(row.high),
    low: decimal(row.low),
    close: decimal(row.close),
    volume: decimal(row.volume),
    turnover: decimal(row.turnover),
  };
}

/** The role reads only by default; the transaction of the one function that writes says otherwise. */
async function wish(
  database: Database,
  { market, interval, sinceMs, untilMs }: CompareRequest,
): Promise<WishOutcome> {
  const rows = await database.begin("READ WRITE", (transaction) =>
    transaction`
    SELECT wish_for_compare(${market}, ${interval}, ${iso(sinceMs)}::text::timestamptz, ${
      iso(untilMs)
    }::text::timestamptz) AS outcome`);
  return rows[0]!["outcome"] as WishOutcome;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
