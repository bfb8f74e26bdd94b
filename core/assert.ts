/**
 * A broken precondition is our bug: it throws a plain error, which ends the process.
 * What the world may do wrong is a `Failure` instead.
 */
export function assert(condition: boolean, what: string, value?: unknown): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}: ${String(value)}`);
}
