import { type Database, isTransient, sqlState } from "#adapters/postgres.ts";
import { Failure, reason } from "#core/failure.ts";
import { type Interval, INTERVALS } from "#core/interval.ts";
import { type CandleRequest, requestKey } from "./candle_request.ts";
import { secondsOf } from "./candle_rows.ts";
import { secondsPageJson } from "./page_json.ts";
import { rollupPageJson } from "./rollup_page.ts";
import { rollupsOf } from "./rollup_rows.ts";
import { SingleFlight } from "./single_flight.ts";

/** The intervals that have a history: all. */
export const SERVED_INTERVALS: readonly Interval[] = INTERVALS;

export interface HistoryLimits {
  /** An answer that takes longer is given up, ms. */
  readonly answerMsMax: number;
  /** Different requests under way at a time. */
  readonly requestsMax: number;
}

/** PostgreSQL's name of a statement it cancelled because of its timeout. */
const QUERY_CANCELED = "57014";
const ATTEMPTS_MAX = 3;

/** Answers candle requests: each question is asked once however many ask it, within a time budget. */
export class History {
  readonly #database: Database;
  readonly #limits: HistoryLimits;
  readonly #flights = new SingleFlight<string>();

  constructor(database: Database, limits: HistoryLimits) {
    this.#database = database;
    this.#limits = limits;
  }

  /**
   * @returns JSON of a `CandlePage`
   * @throws Failure `history_busy`, `history_timeout`, `history_unavailable`
   */
  async page(request: CandleRequest): Promise<string> {
    const key = requestKey(request);
    if (!this.#flights.has(key) && this.#flights.size >= this.#limits.requestsMax) {
      throw new Failure(
        "history_busy",
        `${this.#limits.requestsMax} different candle requests are under way; try again in a second`,
      );
    }
    return await this.#flights.run(key, () => this.#ask(request));
  }

  async #ask(request: CandleRequest): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const { answerMsMax } = this.#limits;
    try {
      const tooLate = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(timeout(answerMsMax)), answerMsMax);
      });
      return await Promise.race([this.#read(request), tooLate]);
    } catch (error) {
      if (error instanceof Failure) throw error;
      if (sqlState(error) === QUERY_CANCELED) throw timeout(answerMsMax, error);
      if (isTransient(error)) {
        throw new Failure(
          "history_unavailable",
          `the history cannot be read now (${reason(error)}); try again in a few seconds`,
          error,
        );
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A server that restarted rejects the query in flight and the next one of the connection: both are asked again. */
  async #read(request: CandleRequest): Promise<string> {
    for (let attempt = 1;; attempt++) {
      try {
        return request.interval === "1s"
          ? secondsPageJson(request, await secondsOf(this.#database, request))
          : rollupPageJson(request, await rollupsOf(this.#database, request));
      } catch (error) {
        const lost = isTransient(error) && sqlState(error) !== QUERY_CANCELED;
        if (!lost || attempt >= ATTEMPTS_MAX) throw error;
      }
    }
  }
}

function timeout(answerMsMax: number, cause?: unknown): Failure {
  return new Failure(
    "history_timeout",
    `the history did not answer within ${answerMsMax} ms; ask for fewer rows or try again`,
    cause,
  );
}
