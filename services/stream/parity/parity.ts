import type { Database } from "#adapters/postgres.ts";
import {
  DIFFERENCES_MAX,
  encodeParityPage,
  type ParityCount,
  type ParityDifference,
  type ParityPage,
  PENDING_MAX,
} from "#core/parity_page.ts";
import { Questions } from "../history/questions.ts";
import { type ParityRequest, parityRequestKey } from "./parity_request.ts";

/** Different questions under way at a time. */
const REQUESTS_MAX = 16;
/** Answers `GET /api/parity`: each question is asked once however many ask it within its second. */
export class Parity {
  readonly #database: Database;
  readonly #questions = new Questions<string>({
    name: "parity",
    questions: "different questions for parity",
    what: "the ledger",
    timeout: "the ledger was not read in time; ask for a shorter time or one market",
  }, REQUESTS_MAX);

  /** @param database with a statement timeout */
  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * @returns JSON, see `encodeParityPage` of core/
   * @throws Failure `parity_busy`, `parity_timeout`, `parity_unavailable`
   */
  async page(request: ParityRequest): Promise<string> {
    return await this.#questions.answer(
      parityRequestKey(request),
      async () => encodeParityPage(await readParity(this.#database, request)),
    );
  }
}

/** One statement, so that all is of one moment. */
async function readParity(
  database: Database,
  { market, interval, sinceMs, untilMs }: ParityRequest,
): Promise<ParityPage> {
  const [row] = await database`
    WITH asked AS (
      SELECT ${iso(sinceMs)}::text::timestamptz AS since, ${
    iso(untilMs)
  }::text::timestamptz AS until,
        ${market}::text AS market, ${interval}::text AS interval
    ), pending AS (
      SELECT lower(r.range) AS since, upper(r.range) AS until
      FROM asked a
      LEFT JOIN parity_compared c ON c.market = a.market AND c.interval = a.interval
      CROSS JOIN LATERAL unnest(whole_buckets(a.interval, a.since, a.until) - coalesce(c.compared, '{}')) AS r(range)
      ORDER BY 1 DESC LIMIT ${PENDING_MAX + 1}
    ), difference AS (
      SELECT d.* FROM asked a JOIN parity_difference d ON d.starts_at >= a.since AND d.starts_at < a.until
        AND d.market = coalesce(a.market, d.market) AND d.interval = coalesce(a.interval, d.interval)
      ORDER BY d.starts_at DESC, d.market, d.interval LIMIT ${DIFFERENCES_MAX + 1}
    )
    SELECT (
      SELECT coalesce(json_agg(c), '[]') FROM (
        SELECT p.interval, sum(p.matched)::float8 AS match, sum(p.rounded)::float8 AS match_rounded,
          sum(p.agreed)::float8 AS agreed, sum(p.differing)::float8 AS differing, sum(p.taken)::float8 AS taken
        FROM asked a CROSS JOIN LATERAL parity_counts(date_trunc('hour', a.since, 'UTC'), a.until) p
        WHERE p.market = coalesce(a.market, p.market) AND p.interval = coalesce(a.interval, p.interval)
        GROUP BY p.interval ORDER BY bucket_seconds(p.interval)
      ) c
    ) AS counts, (
      SELECT coalesce(json_agg(json_build_object('since', iso_text(p.since), 'until', iso_text(p.until))), '[]') FROM pending p
    ) AS pending, (
      SELECT coalesce(json_agg(json_build_object('market', d.market, 'interval', d.interval, 'starts_at', iso_text(d.starts_at),
        'verdict', d.verdict, 'state', d.state, 'reason', d.reason, 'found_at', iso_text(d.found_at),
        'fetched_at', iso_text(d.fetched_at), 'corrected_at', iso_text(d.corrected_at), 'ours', d.ours, 'theirs', d.theirs,
        'history', d.history)), '[]') FROM difference d
    ) AS differences, iso_text(date_trunc('hour', a.since, 'UTC')) AS counted_since, iso_text(a.since) AS since,
      iso_text(a.until) AS until
    FROM asked a`;
  const pending = row!["pending"] as { readonly since: string; readonly until: string }[];
  const differences = row!["differences"] as readonly ParityDifference[];
  return {
    since: row!["since"] as string,
    until: row!["until"] as string,
    counted_since: row!["counted_since"] as string,
    counts: row!["counts"] as readonly ParityCount[],
    pending: market === null || interval === null ? null : pending.slice(0, PENDING_MAX),
    differences: differences.slice(0, DIFFERENCES_MAX),
    more: differences.length > DIFFERENCES_MAX || pending.length > PENDING_MAX,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
