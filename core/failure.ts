/**
 * An expected failure: something the world did, not a bug of ours. Bugs are plain errors and crash.
 *
 * `code` is stable and machine-readable (`decimal_too_long`); `message` names the offending value and the remedy; `cause`
 * is the error that led here, if any.
 */
export class Failure extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "Failure";
    this.code = code;
  }
}

/**
 * A value as it may appear in a message: as JSON, and cut so that garbage cannot flood a log. `String(value)` of a parsed
 * `{"toString":null}` would throw: one hostile frame would have ended a service.
 */
export function shown(value: unknown, charsMax = 80): string {
  const text = typeof value === "string" || (typeof value === "object" && value !== null)
    ? JSON.stringify(value)
    : String(value);
  return text.length <= charsMax ? text : `${text.slice(0, charsMax)}… (${text.length} characters)`;
}

/** What a caught value says of itself, its causes included: for logs and dead letters. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return shown(error);
  const own = error.message === "" ? error.name : error.message;
  return error.cause === undefined ? own : `${own}: ${reason(error.cause)}`;
}
