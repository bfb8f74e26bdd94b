import { backoffMs } from "#core/backoff.ts";
import type { RateLimitPlan } from "./rate_limit.ts";

/** How a connection ended, as far as the next attempt depends on it. */
export interface ConnectionEnd {
  /** The exchange said no: an error frame, or an HTTP status instead of the upgrade. Asking soon again makes it worse. */
  readonly refused: boolean;
  /** How long the connection was up, ms; 0 when it never was. */
  readonly upMs: number;
}

/** Ends in a row without a stable connection between them. */
export interface RetryState {
  readonly attempt: number;
  readonly refused: boolean;
}

export const FRESH: RetryState = { attempt: 0, refused: false };

/** A connection that was up for so long is taken for a good one: its end is the first of a new row. */
export const STABLE_MS = 10_000;

/**
 * The cap of ordinary retries keeps "link lost → live" under 2 s after the exchange accepts again, at a fifth of the
 * connects it allows.
 */
const ORDINARY = { firstMs: 200, maxMs: 1_500 };
/** The exchange answers too many connects with 429, then 418 and a block that grows with each repetition. */
const REFUSED = { firstMs: 2_000, maxMs: 60_000 };

/**
 * The exchange allows 5 connects a second and address. We take 2 in 1.1 s whatever happens: late packets may arrive
 * closer together than they were sent, and a hot spare and the user's own tools share the address.
 */
export const CONNECT_LIMIT: RateLimitPlan = { max: 2, windowMs: 1_100 };

export function ended(state: RetryState, { refused, upMs }: ConnectionEnd): RetryState {
  const again = refused === state.refused && upMs < STABLE_MS;
  return { attempt: again ? state.attempt + 1 : 1, refused };
}

/** How long to wait before the next attempt, ms. @param chance in [0, 1) */
export function retryInMs(state: RetryState, chance: number): number {
  if (state.attempt === 0) return 0;
  return backoffMs(state.refused ? REFUSED : ORDINARY, state.attempt, chance);
}
