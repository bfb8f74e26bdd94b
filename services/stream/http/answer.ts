import { Buffer } from "node:buffer";
import { Failure } from "#core/failure.ts";

/** A whole answer; a stream is none. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export const JSON_TYPE = "application/json; charset=utf-8";

export function jsonAnswer(
  status: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { "content-type": JSON_TYPE, "cache-control": "no-store", ...headers },
    body: typeof body === "string" ? Buffer.from(body) : body,
  };
}

/** `{"error":{"name","message"}}`: the message names the value and the remedy. */
export function errorAnswer(
  status: number,
  name: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return jsonAnswer(status, JSON.stringify({ error: { name, message } }), headers);
}

/** Failures that are not the request's fault; every other one is. */
const STATUS: Readonly<Record<string, number>> = {
  history_timeout: 504,
  history_unavailable: 503,
  history_busy: 503,
  gaps_timeout: 504,
  gaps_unavailable: 503,
  gaps_busy: 503,
  parity_timeout: 504,
  parity_unavailable: 503,
  parity_busy: 503,
  compare_timeout: 504,
  compare_unavailable: 503,
  compare_busy: 503,
  wishes_full: 503,
  origin_not_allowed: 403,
  host_not_allowed: 403,
  url_too_long: 414,
};

/** @throws the error itself when it is no failure but a bug */
export function failureAnswer(error: unknown): Answer {
  if (!(error instanceof Failure)) throw error;
  const status = STATUS[error.code] ?? 400;
  return errorAnswer(
    status,
    error.code,
    error.message,
    status === 503 ? { "retry-after": "2" } : {},
  );
}
