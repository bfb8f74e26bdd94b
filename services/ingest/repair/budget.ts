import { assert } from "#core/assert.ts";
import { sleep } from "#core/lifecycle.ts";

export interface BudgetPlan {
  /** Most requests in any second. */
  readonly perSecond: number;
  /** The first pause after a 429; each further one without a good answer between is twice as long. */
  readonly tooManyMs: number;
  readonly tooManyMsMax: number;
  /** The same after a 418, for a block whose length the exchange does not say. */
  readonly blockedMs: number;
  readonly blockedMsMax: number;
  /** The same after no answer at all. */
  readonly awayMs: number;
  readonly awayMsMax: number;
}

export const BUDGET_PAUSES: Omit<BudgetPlan, "perSecond"> = {
  tooManyMs: 1_000,
  tooManyMsMax: 60_000,
  blockedMs: 30_000,
  blockedMsMax: 3_600_000,
  awayMs: 500,
  // an outage ends unannounced, and what it left is waited for; one request in 5 s burdens nobody
  awayMsMax: 5_000,
};

/** The exchange counts requests in whole seconds. */
const WINDOW_MS = 1_000;
/** Answers to requests under way together may overtake each other; only a larger jump is the exchange's next second. */
const LEFT_JUMP_MIN = 3;

/** What an answer of the exchange says about the limit. */
export type LimitSign =
  | { readonly kind: "taken"; readonly left: number | null }
  | { readonly kind: "too many" }
  | { readonly kind: "blocked"; readonly forMs: number | null }
  | { readonly kind: "away" };

/**
 * All requests that this process makes of the exchange's REST interface go through one of these. Limits count per address and
 * the user has tools of their own there, so it keeps below them by itself, and gives way where the exchange says that others
 * use them up.
 *
 * Requests come at equal distances: a burst at the begin of each second would meet the others' bursts.
 */
export class Budget {
  readonly #plan: BudgetPlan;
  readonly #steadyMs: () => number;
  /** The next request not before this, on the steady clock. */
  #nextMs = 0;
  #pausedUntilMs = 0;
  /** Of the exchange's second that the newest answer counted in: what it left of it, and not before when it began. */
  #left = Infinity;
  #windowMs = -Infinity;
  #tooMany = 0;
  #blocked = 0;
  #away = 0;

  constructor(plan: BudgetPlan, steadyMs: () => number) {
    assert(plan.perSecond >= 1, "a budget lets something through", plan.perSecond);
    this.#plan = plan;
    this.#steadyMs = steadyMs;
  }

  /** Waits for the next request's turn; look at `signal.aborted` afterwards. */
  async take(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const nowMs = this.#steadyMs();
      const atMs = Math.max(this.#nextMs, this.#pausedUntilMs);
      if (nowMs >= atMs) {
        this.#nextMs = nowMs + 1_000 / this.#plan.perSecond;
        return;
      }
      await sleep(Math.ceil(atMs - nowMs), signal);
    }
  }

  answered(sign: LimitSign): void {
    const { tooManyMs, tooManyMsMax, blockedMs, blockedMsMax, awayMs, awayMsMax } = this.#plan;
    if (sign.kind !== "away") this.#away = 0;
    switch (sign.kind) {
      case "taken":
        this.#tooMany = 0;
        this.#blocked = 0;
        if (sign.left !== null) this.#counted(sign.left);
        return;
      case "away":
        this.#pause(Math.min(awayMsMax, awayMs * 2 ** this.#away++));
        return;
      case "too many":
        this.#pause(Math.min(tooManyMsMax, tooManyMs * 2 ** this.#tooMany++));
        return;
      case "blocked": {
        const ownMs = Math.min(blockedMsMax, blockedMs * 2 ** this.#blocked++);
        // a second more than it says: whoever asks too early is blocked for longer
        this.#pause(sign.forMs === null ? ownMs : sign.forMs + 1_000);
        return;
      }
    }
  }

  get pausedMs(): number {
    return Math.max(0, this.#pausedUntilMs - this.#steadyMs());
  }

  /** One is left to whoever else asks from this address, until the exchange's next second. */
  #counted(left: number): void {
    const nowMs = this.#steadyMs();
    if (left >= this.#left + LEFT_JUMP_MIN || nowMs >= this.#windowMs + WINDOW_MS) {
      this.#windowMs = nowMs;
    }
    this.#left = left;
    if (left <= 1) this.#pause(this.#windowMs + WINDOW_MS - nowMs);
  }

  #pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#steadyMs() + ms);
  }
}
