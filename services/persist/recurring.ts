import { isTransient } from "#adapters/postgres.ts";
import { reason } from "#core/failure.ts";
import { sleep, type Worker } from "#core/lifecycle.ts";

export interface RecurringOptions {
  readonly name: string;
  /** Resolves to how long it is until the next one, ms. */
  readonly step: () => Promise<number>;
  /** Until the next one when the database is away or busy, ms. */
  readonly againMs: number;
  readonly onAway: (reason: string) => void;
}

/** Takes a step of the database at the start and again and again. What is not a passing failure of the database ends the service. */
export function recurring({ name, step, againMs, onAway }: RecurringOptions): Worker {
  return {
    name,
    run: async (signal) => {
      while (!signal.aborted) {
        let waitMs = againMs;
        try {
          waitMs = await step();
        } catch (error) {
          if (!isTransient(error)) throw error;
          onAway(reason(error));
        }
        await sleep(waitMs, signal);
      }
    },
  };
}
