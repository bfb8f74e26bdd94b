import { isTimeout, isTransient } from "#adapters/postgres.ts";
import { Failure, reason } from "#core/failure.ts";
import { SingleFlight } from "./single_flight.ts";

/** A server that restarted rejects the query in flight and the next one of the connection. */
const ATTEMPTS_MAX = 3;

/** Asks PostgreSQL again after a loss; a timeout would only come again. @throws what the last attempt threw */
export async function askedAgain<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1;; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!isTransient(error) || isTimeout(error) || attempt >= ATTEMPTS_MAX) throw error;
    }
  }
}

/** What a reader is told who gets no answer. */
export interface QuestionWords {
  /** Begins the failures' codes: `<name>_busy`, `<name>_timeout`, `<name>_unavailable`. */
  readonly name: string;
  /** Of too many: `different questions for gaps`. */
  readonly questions: string;
  /** `the gaps` */
  readonly what: string;
  /** After a timeout: what happened, and what to ask instead. */
  readonly timeout: string;
}

/** Questions to PostgreSQL: each is asked once however many ask it meanwhile, and no more than some different ones at a time. */
export class Questions<Answer> {
  readonly #flights = new SingleFlight<Answer>();
  readonly #words: QuestionWords;
  readonly #underWayMax: number;

  constructor(words: QuestionWords, underWayMax: number) {
    this.#words = words;
    this.#underWayMax = underWayMax;
  }

  /**
   * @param key two questions with the same key have the same answer at the same time
   * @throws Failure `…_busy`, `…_timeout`, `…_unavailable`; whatever else `ask` throws
   */
  async answer(key: string, ask: () => Promise<Answer>): Promise<Answer> {
    const { name, questions } = this.#words;
    if (!this.#flights.has(key) && this.#flights.size >= this.#underWayMax) {
      throw new Failure(
        `${name}_busy`,
        `${this.#underWayMax} ${questions} are under way; try again in a second`,
      );
    }
    return await this.#flights.run(key, async () => {
      try {
        return await askedAgain(ask);
      } catch (error) {
        throw this.#failure(error);
      }
    });
  }

  #failure(error: unknown): unknown {
    const { name, what, timeout } = this.#words;
    if (isTimeout(error)) return new Failure(`${name}_timeout`, timeout, error);
    if (!isTransient(error)) return error;
    return new Failure(
      `${name}_unavailable`,
      `${what} cannot be read now (${reason(error)}); try again in a few seconds`,
      error,
    );
  }
}
