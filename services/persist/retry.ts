import { isTransient } from "#adapters/postgres.ts";
import { backoffMs } from "#core/backoff.ts";
import { reason } from "#core/failure.ts";
import { sleep } from "#core/lifecycle.ts";

export interface RetryOptions {
  readonly signal: AbortSignal;
  /** In [0, 1), drawn for each wait. */
  readonly chance: () => number;
  readonly onRetry: (attempt: number, reason: string) => void;
}

const PLAN = { firstMs: 50, maxMs: 500 };

/**
 * Repeats a step for as long as the database is away: its caller waits, so nothing is reordered, and Kafka keeps what
 * comes meanwhile.
 *
 * @throws refusals and bugs at once, and the signal's reason when it aborts
 */
export async function whileAway<Value>(
  step: () => Promise<Value>,
  { signal, chance, onRetry }: RetryOptions,
): Promise<Value> {
  for (let attempt = 1;; attempt++) {
    signal.throwIfAborted();
    try {
      return await step();
    } catch (error) {
      if (!isTransient(error)) throw error;
      onRetry(attempt, reason(error));
      await sleep(backoffMs(PLAN, attempt, chance()), signal);
    }
  }
}
