import { type ReadonlySignal, signal } from "@preact/signals";
import { COMPARE_SETTLED_MS, type ComparePage, type Stretch } from "#core/compare_page.ts";
import { Failure } from "#core/failure.ts";
import { bucketStartMs } from "#core/interval.ts";
import { sleep } from "#core/lifecycle.ts";

export interface ComparePorts {
  /** @throws Failure, or the signal's reason */
  readonly fetch: (signal: AbortSignal) => Promise<ComparePage>;
  /** Asks that the exchange be asked. @throws Failure, or the signal's reason */
  readonly wish: (signal: AbortSignal) => Promise<void>;
  /** The server's time. */
  readonly nowMs: () => number;
}

export interface CompareState {
  readonly page: ComparePage | null;
  /** How much of what was not fetched at first is: 0 to 1; null where nothing is being fetched, nor will be. */
  readonly fetched: number | null;
  /** What went wrong last, in the server's words. */
  readonly failure: string | null;
}

const EVERY_MS = 2_000;
const AFTER_FAILURE_MS = 5_000;
/** What our idea of the server's time may be wrong by. */
const CLOCK_MS = 1_000;

/** One stretch of a market: what it holds, and the wish for what it lacks, until nothing is lacking and its end is settled. */
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
        const askedAtMs = this.#ports.nowMs();
        const page = await this.#ports.fetch(signal);
        const lacksMs = lengthMs(page.notFetched);
        const done = lacksMs === 0 && isSettled(page, askedAtMs - CLOCK_MS);
        lackedMs ??= lacksMs;
        this.#state.value = {
          page,
          failure: null,
          fetched: done ? null : Math.max(0, 1 - lacksMs / Math.max(1, lackedMs)),
        };
        if (done) return;
        if (lacksMs > 0 && !page.wished) await this.#ports.wish(signal);
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

/** Whether every bucket that ended in it can be had by now: the youngest are lacking to nobody before. */
function isSettled({ interval, untilMs }: ComparePage, nowMs: number): boolean {
  return bucketStartMs(interval, untilMs) <= bucketStartMs(interval, nowMs - COMPARE_SETTLED_MS);
}

function lengthMs(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { sinceMs, untilMs }) => sum + untilMs - sinceMs, 0);
}
