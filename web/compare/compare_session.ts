import { type ReadonlySignal, signal } from "@preact/signals";
import type { ComparePage, Stretch } from "#core/compare_page.ts";
import { Failure } from "#core/failure.ts";
import { sleep } from "#core/lifecycle.ts";

export interface ComparePorts {
  /** @throws Failure, or the signal's reason */
  readonly fetch: (signal: AbortSignal) => Promise<ComparePage>;
  /** Asks that the exchange be asked. @throws Failure, or the signal's reason */
  readonly wish: (signal: AbortSignal) => Promise<void>;
}

export interface CompareState {
  readonly page: ComparePage | null;
  /** How much of what was not fetched at first is: 0 to 1; null where nothing is being fetched. */
  readonly fetched: number | null;
  /** What went wrong last, in the server's words. */
  readonly failure: string | null;
}

const EVERY_MS = 2_000;
const AFTER_FAILURE_MS = 5_000;

/** One stretch of a market: what it holds, and the wish for what it lacks, until nothing is lacking. */
export class CompareSession {
  readonly #ports: ComparePorts;
  readonly #state = signal<CompareState>({ page: null, fetched: null, failure: null });

  constructor(ports: ComparePorts) {
    this.#ports = ports;
  }

  get state(): ReadonlySignal<CompareState> {
    return this.#state;
  }

  async run(signal: AbortSignal): Promise<void> {
    let lackedMs: number | null = null;
    while (!signal.aborted) {
      try {
        const page = await this.#ports.fetch(signal);
        const lacksMs = lengthMs(page.notFetched);
        lackedMs ??= lacksMs;
        this.#state.value = {
          page,
          failure: null,
          fetched: lacksMs === 0 ? null : Math.max(0, 1 - lacksMs / Math.max(1, lackedMs)),
        };
        if (lacksMs === 0) return;
        if (!page.wished) await this.#ports.wish(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Failure)) throw error;
        this.#state.value = { ...this.#state.value, failure: error.message };
        await sleep(AFTER_FAILURE_MS, signal);
        continue;
      }
      await sleep(EVERY_MS, signal);
    }
  }
}

function lengthMs(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { sinceMs, untilMs }) => sum + untilMs - sinceMs, 0);
}
