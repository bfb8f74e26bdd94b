/** What a group allows: so many requests in each window. */
export interface Allowance {
  readonly count: number;
  readonly windowMs: number;
}

/** Limits of the exchange (UPBIT.md 7). */
export const restAllowance: Allowance = { count: 10, windowMs: 1000 };
export const connectAllowance: Allowance = { count: 5, windowMs: 1000 };
export const messageAllowances: readonly Allowance[] = [
  { count: 5, windowMs: 1000 },
  { count: 100, windowMs: 60_000 },
];
/** Whoever sends an `Origin` header is a browser, and hardly served. */
export const originAllowance: Allowance = { count: 1, windowMs: 10_000 };

/**
 * What a limit says of one request: how many are left in the window, or how it is refused. `blockedMs` is how long the block
 * still lasts.
 */
export type Verdict =
  | { readonly kind: "taken"; readonly left: number }
  | { readonly kind: "many" }
  | { readonly kind: "blocked"; readonly blockedMs: number };

/** Requests refused in one window of `blockWindowMs` before the address is blocked. Neither number is documented: inferred. */
const refusedMax = 20;
const blockWindowMs = 10_000;
/** A block's length: doubled each time, forgotten an hour after the last one's end. Inferred too: only that it grows is known. */
const blockMsFirst = 5_000;
const blockMsMax = 3_600_000;
const forgottenAfterMs = 3_600_000;
const addressesMax = 1000;

/**
 * Counts per address and group, in windows that begin on whole seconds, as the recorded `Remaining-Req` count down within a
 * second. Who goes on after 429 is blocked whole (418), each time for longer.
 */
export class RateLimits {
  readonly #addresses = new Map<string, Address>();
  readonly #nowMs: () => number;

  /** @param nowMs the machine's time, ms: limits belong to the link */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  take(address: string, group: string, allowance: Allowance): Verdict {
    const nowMs = this.#nowMs();
    const of = this.#of(address);
    const { penalty } = of;
    if (nowMs < penalty.untilMs) return { kind: "blocked", blockedMs: penalty.untilMs - nowMs };
    let window = of.windows.get(group);
    if (window === undefined) of.windows.set(group, window = new Window(allowance));
    const left = window.take(nowMs);
    if (left >= 0) return { kind: "taken", left };
    if (of.refused.take(nowMs) >= 0) return { kind: "many" };
    const forgotten = nowMs - penalty.untilMs > forgottenAfterMs;
    const forMs = forgotten ? blockMsFirst : Math.min(blockMsMax, penalty.forMs * 2);
    of.penalty = { untilMs: nowMs + forMs, forMs };
    of.refused = new Window({ count: refusedMax, windowMs: blockWindowMs });
    return { kind: "blocked", blockedMs: forMs };
  }

  /** Who was away longest gives way: a block of it is then forgotten. */
  #of(address: string): Address {
    const known = this.#addresses.get(address);
    if (known !== undefined) return known;
    const fresh: Address = {
      windows: new Map(),
      refused: new Window({ count: refusedMax, windowMs: blockWindowMs }),
      penalty: { untilMs: Number.NEGATIVE_INFINITY, forMs: blockMsFirst },
    };
    if (this.#addresses.size >= addressesMax) {
      this.#addresses.delete(this.#addresses.keys().next().value!);
    }
    this.#addresses.set(address, fresh);
    return fresh;
  }
}

interface Address {
  readonly windows: Map<string, Window>;
  refused: Window;
  penalty: { readonly untilMs: number; readonly forMs: number };
}

/** One count. */
export class Window {
  readonly #allowance: Allowance;
  #index = Number.NaN;
  #taken = 0;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  /** Takes one. @returns how many are left; −1: none was */
  take(nowMs: number): number {
    const { count, windowMs } = this.#allowance;
    const index = Math.floor(nowMs / windowMs);
    if (index !== this.#index) [this.#index, this.#taken] = [index, 0];
    if (this.#taken >= count) return -1;
    return count - ++this.#taken;
  }
}
