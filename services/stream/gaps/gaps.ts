import { type Database, isTransient, sqlState } from "#adapters/postgres.ts";
import { Failure, reason } from "#core/failure.ts";
import { encodeGapPage, type Gap, type GapCause, type GapPage, GAPS_MAX } from "#core/gap.ts";
import type { Market } from "#core/market.ts";
import { SingleFlight } from "../history/single_flight.ts";
import { type GapRequest, gapRequestKey } from "./gap_request.ts";

/** Different questions under way at a time: each may look at a month of sessions. */
const REQUESTS_MAX = 16;
/** PostgreSQL's name of a statement it cancelled because of its timeout. */
const QUERY_CANCELED = "57014";
/** A server that restarted rejects the query in flight and the next one of the connection. */
const ATTEMPTS_MAX = 3;

/** Answers `GET /api/gaps`: each question is asked once however many ask it within its second. */
export class Gaps {
  readonly #database: Database;
  readonly #flights = new SingleFlight<string>();

  /** @param database with a statement timeout */
  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * @returns JSON, see `encodeGapPage` of core/
   * @throws Failure `gaps_busy`, `gaps_timeout`, `gaps_unavailable`
   */
  async page(request: GapRequest): Promise<string> {
    const key = gapRequestKey(request);
    if (!this.#flights.has(key) && this.#flights.size >= REQUESTS_MAX) {
      throw new Failure(
        "gaps_busy",
        `${REQUESTS_MAX} different questions for gaps are under way; try again in a second`,
      );
    }
    return await this.#flights.run(
      key,
      async () => encodeGapPage(await this.read(request)),
    );
  }

  async read(request: GapRequest): Promise<GapPage> {
    for (let attempt = 1;; attempt++) {
      try {
        return await readGaps(this.#database, request);
      } catch (error) {
        if (sqlState(error) === QUERY_CANCELED) {
          throw new Failure(
            "gaps_timeout",
            "the gaps were not found in time; ask for a shorter time or one market",
            error,
          );
        }
        if (!isTransient(error)) throw error;
        if (attempt < ATTEMPTS_MAX) continue;
        throw new Failure(
          "gaps_unavailable",
          `the gaps cannot be read now (${reason(error)}); try again in a few seconds`,
          error,
        );
      }
    }
  }
}

/** One statement, so that the gaps and up to when they are known are of one moment. */
async function readGaps(
  database: Database,
  { market, interval, sinceMs, untilMs }: GapRequest,
): Promise<GapPage> {
  const [row] = await database`
    SELECT (extract(epoch FROM gaps_known_until(now())) * 1000)::float8 AS known_until_ms, (
      SELECT coalesce(json_agg(json_build_object(
        'markets', g.markets, 'cause', g.cause, 'permanent', g.permanent, 'provisional', g.provisional,
        'sinceMs', (extract(epoch FROM g.since) * 1000)::bigint,
        'untilMs', (extract(epoch FROM g.until) * 1000)::bigint)), '[]')::text
      FROM gaps(now(), ${iso(sinceMs)}::text::timestamptz, ${iso(untilMs)}::text::timestamptz,
        ${market === null ? null : [market]}::text[], ${interval}::text, ${GAPS_MAX + 1}) AS g
    ) AS gaps`;
  const gaps = JSON.parse(row!["gaps"] as string) as (Omit<Gap, "cause" | "markets"> & {
    readonly cause: GapCause;
    readonly markets: readonly Market[];
  })[];
  return {
    sinceMs,
    untilMs,
    knownUntilMs: row!["known_until_ms"] as number | null,
    gaps: gaps.slice(0, GAPS_MAX),
    more: gaps.length > GAPS_MAX,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
