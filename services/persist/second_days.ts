import type { Database } from "#adapters/postgres.ts";
import { bucketStartMs } from "#core/interval.ts";
import type { SecondWork } from "./work.ts";

/** Partitions remembered as made; a replay of years starts over and asks again. */
const DAYS_KNOWN_MAX = 400;

/** The day partitions of `market_candle_1s`: made before the rows that need them, in transactions of their own. */
export class SecondDays {
  readonly #database: Database;
  readonly #known = new Set<number>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Splits seconds into those whose day exists now, and those whose day retention has passed. */
  async ensure(
    seconds: readonly SecondWork[],
  ): Promise<{ known: readonly SecondWork[]; passed: readonly SecondWork[] }> {
    const passed = await this.ensureDays(seconds.map(({ event }) => event.startsAtMs));
    if (passed.size === 0) return { known: seconds, passed: [] };
    const isPassed = ({ event }: SecondWork): boolean =>
      passed.has(bucketStartMs("1d", event.startsAtMs));
    return {
      known: seconds.filter((second) => !isPassed(second)),
      passed: seconds.filter(isPassed),
    };
  }

  /** Makes the days of these times, ms. @returns the days that retention has passed, by their start, ms */
  async ensureDays(timesMs: readonly number[]): Promise<ReadonlySet<number>> {
    const passed = new Set<number>();
    for (const day of new Set(timesMs.map((ms) => bucketStartMs("1d", ms)))) {
      if (this.#known.has(day)) continue;
      if (await this.#make(day)) {
        if (this.#known.size >= DAYS_KNOWN_MAX) this.#known.clear();
        this.#known.add(day);
      } else passed.add(day);
    }
    return passed;
  }

  /** Days may have been dropped. */
  forget(): void {
    this.#known.clear();
  }

  async #make(dayMs: number): Promise<boolean> {
    const day = new Date(dayMs).toISOString().slice(0, 10);
    const [row] = await this.#database`SELECT ensure_seconds_day(${day}::text::date) AS made`;
    return row!["made"] as boolean;
  }
}
