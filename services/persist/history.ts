import type { Database } from "#adapters/postgres.ts";
import { isRefusal } from "#adapters/postgres.ts";
import { Failure } from "#core/failure.ts";
import { bisect } from "./bisect.ts";
import type { SecondDays } from "./second_days.ts";
import { countEqual, storeAll } from "./store_statement.ts";
import { NO_WORK, type Refusal, type SecondWork, type Work } from "./work.ts";

/** Refused items of a kind in one store, above which the schema or we are wrong, and the service ends. */
const REFUSED_MAX = 100;

/** What a transaction did to the seconds. */
export interface Stored {
  /** Rows that were inserted or replaced. */
  readonly effective: number;
  /** Those of them that replaced an older revision. */
  readonly revised: number;
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
    try {
      return withRefusals(
        await this.#transaction({ ...work, seconds: known }),
        passed.map(tooOld),
      );
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // a day that was dropped meanwhile refuses its rows too, perhaps thousands: ask again
      this.#days.forget();
      const now = await this.#days.ensure(known);
      return withRefusals(
        await this.#storeBisected({ ...work, seconds: now.known }),
        [...passed, ...now.passed].map(tooOld),
      );
    }
  }

  async #storeBisected(work: Work): Promise<Stored> {
    const counts = { effective: 0, revised: 0, equal: 0, older: 0 };
    const refusals: Refusal[] = [];
    const add = (stored: Omit<Stored, "refusals">): void => {
      counts.effective += stored.effective;
      counts.revised += stored.revised;
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
    const { seconds } = work;
    const holes = work.refusals.map(({ hole }) => hole).filter((hole) => hole !== null);
    if (seconds.length + holes.length + work.marks.length + work.listings.length === 0) {
      return { effective: 0, revised: 0, equal: 0, older: 0 };
    }
    const { effective, revised } = await storeAll(this.#database, work, holes);
    if (effective === seconds.length) return { effective, revised, equal: 0, older: 0 };
    // seldom: after a restart or a replay, or with a hot spare. What was effective equals its row now
    const equal = Math.max(0, await countEqual(this.#database, seconds) - effective);
    return { effective, revised, equal, older: Math.max(0, seconds.length - effective - equal) };
  }
}

function withRefusals(
  stored: Omit<Stored, "refusals"> & { refusals?: readonly Refusal[] },
  more: readonly Refusal[],
): Stored {
  return { ...stored, refusals: [...stored.refusals ?? [], ...more] };
}

function tooOld({ record, event }: SecondWork): Refusal {
  return {
    record,
    failure: new Failure(
      "second_too_old",
      `${event.market} ${new Date(event.startsAtMs).toISOString()} is on a day that was dropped`,
    ),
    hole: null,
  };
}

function refused(error: unknown): Failure {
  return new Failure("postgres_refused", "PostgreSQL refused it", error);
}
