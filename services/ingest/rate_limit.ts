import { assert } from "#core/assert.ts";

export interface RateLimitPlan {
  /** Most events in any window. */
  readonly max: number;
  readonly windowMs: number;
}

/** At most `max` events in any window of `windowMs`, however they are asked for. Times are of a clock that never steps back. */
export class RateLimit {
  readonly #plan: RateLimitPlan;
  /** Times of the newest events, oldest first, at most `max`. */
  readonly #times: number[] = [];

  constructor(plan: RateLimitPlan) {
    assert(plan.max >= 1 && plan.windowMs > 0, "a rate limit lets something through", plan.max);
    this.#plan = plan;
  }

  /** How long to wait before the next event is allowed; 0 = now. */
  waitMs(nowMs: number): number {
    if (this.#times.length < this.#plan.max) return 0;
    return Math.max(0, this.#times[0]! + this.#plan.windowMs - nowMs);
  }

  /** Notes an event. Asking {@link waitMs} first is the caller's duty. */
  take(nowMs: number): void {
    assert(this.waitMs(nowMs) === 0, "the limit was asked", nowMs);
    if (this.#times.length === this.#plan.max) this.#times.shift();
    this.#times.push(nowMs);
  }
}
