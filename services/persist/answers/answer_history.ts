import { type Database, isRefusal } from "#adapters/postgres.ts";
import { Failure } from "#core/failure.ts";
import { bisect } from "../bisect.ts";
import type { SecondDays } from "../second_days.ts";
import type { Refusal } from "../work.ts";
import type { AnswerWork } from "./answers.ts";
import { NOTHING_STORED, storeAnswers, type StoredAnswers, storedBoth } from "./store_answers.ts";

/** Refused answers in one store, above which the schema or we are wrong, and the service ends. */
const REFUSED_MAX = 20;

/** Writes answers into PostgreSQL, each whole or not at all. One that the database refuses is named, the rest is stored. */
export class AnswerHistory {
  readonly #database: Database;
  readonly #days: SecondDays;

  constructor(database: Database, days: SecondDays) {
    this.#database = database;
    this.#days = days;
  }

  /** @throws what the database or the way to it says, but for refusals */
  async store(
    works: readonly AnswerWork[],
  ): Promise<StoredAnswers & { readonly refusals: readonly Refusal[] }> {
    if (works.length === 0) return { ...NOTHING_STORED, refusals: [] };
    await this.#makeDays(works);
    try {
      return { ...await this.#store(works), refusals: [] };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // a day dropped by another instance refuses its rows too: ask again from here on
      this.#days.forget();
      return await this.#storeBisected(works);
    }
  }

  async #storeBisected(
    works: readonly AnswerWork[],
  ): Promise<StoredAnswers & { readonly refusals: readonly Refusal[] }> {
    let total = NOTHING_STORED;
    const refused = await bisect(
      works,
      async (part) => {
        total = storedBoth(total, await this.#store(part));
      },
      isRefusal,
      REFUSED_MAX,
    );
    const refusals = refused.map(({ item: { record }, error }) => ({
      record,
      failure: new Failure("postgres_refused", "PostgreSQL refused it", error),
      hole: null,
    }));
    return { ...total, refusals };
  }

  #store(works: readonly AnswerWork[]): Promise<StoredAnswers> {
    return storeAnswers(this.#database, works.map(({ answer }) => answer));
  }

  async #makeDays(works: readonly AnswerWork[]): Promise<void> {
    await this.#days.ensureDays(
      works.filter(({ answer }) => answer.interval === "1s")
        .flatMap(({ answer }) => answer.rows.map(({ startsAtMs }) => startsAtMs)),
    );
  }
}
