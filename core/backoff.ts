import { assert } from "./assert.ts";

export interface BackoffPlan {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait before attempt number `attempt` (1 = the first retry): doubling up to a cap, then drawn evenly between
 * half of that and all of it, so that many clients do not come back in step.
 *
 * @param chance in [0, 1)
 */
export function backoffMs(plan: BackoffPlan, attempt: number, chance: number): number {
  assert(attempt >= 1, "attempts count from 1", attempt);
  const ceilingMs = Math.min(plan.maxMs, plan.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceilingMs / 2 + chance * ceilingMs / 2);
}
