import type { Database } from "#adapters/postgres.ts";
import { encodeGapPage, type Gap, type GapCause, type GapPage, GAPS_MAX } from "#core/gap.ts";
import type { Market } from "#core/market.ts";
import { Questions } from "../history/questions.ts";
import { type GapRequest, gapRequestKey } from "./gap_request.ts";

/** Different questions under way at a time: each may look at a month of sessions. */
const REQUESTS_MAX = 16;
/** Answers `GET /api/gaps`: each question is asked once however many ask it within its second. */
export class Gaps {
  readonly #database: Database;
  readonly #questions = new Questions<string>({
    name: "gaps",
    questions: "different questions for gaps",
    what: "the gaps",
    timeout: "the gaps were not found in time; ask for a shorter time or one market",
  }, REQUESTS_MAX);

  /** @param database with a statement timeout */
  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * @returns JSON, see `encodeGapPage` of core/
   * @throws Failure `gaps_busy`, `gaps_timeout`, `gaps_unavailable`
   */
  async page(request: GapRequest): Promise<string> {
    return await this.#questions.answer(
      gapRequestKey(request),
      async () => encodeGapPage(await readGaps(this.#database, request)),
    );
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
