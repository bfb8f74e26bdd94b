import { Failure, shown } from "#core/failure.ts";
import type { LimitSign } from "./budget.ts";
import { boundedText } from "../bounded_text.ts";

/** An answer of the exchange with status 200. */
export interface RestText {
  readonly text: string;
  /** When it was asked at the latest, ms since the epoch: by our clock, or by the exchange's where that is behind. */
  readonly askedAtMs: number;
}

const ANSWER_MS_MAX = 20_000;
/** 200 candles are 80 kB, tickers of all markets 600 kB. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** Longest block that is believed. */
const BLOCK_S_MAX = 24 * 3_600;

/**
 * One GET. What the exchange says of its limit is told to `onSign`, whatever else the answer is.
 *
 * @throws Failure `rest_away`, `rest_too_many` (429), `rest_blocked` (418), `market_gone` (404), `rest_refused` (other statuses)
 */
export async function restGet(
  address: string,
  { nowMs, onSign, signal }: {
    readonly nowMs: () => number;
    readonly onSign: (sign: LimitSign) => void;
    readonly signal: AbortSignal;
  },
): Promise<RestText> {
  const sentAtMs = nowMs();
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(address, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
      redirect: "error",
      headers: { accept: "application/json" },
    });
    text = await boundedText(answer, ANSWER_BYTES_MAX);
  } catch (error) {
    signal.throwIfAborted();
    onSign({ kind: "away" });
    throw new Failure("rest_away", `${address} gave no answer`, error);
  }
  switch (answer.status) {
    case 200:
      onSign({ kind: "taken", left: leftOf(answer.headers.get("remaining-req")) });
      return { text, askedAtMs: Math.min(sentAtMs, dateMs(answer.headers.get("date"))) };
    case 429:
      onSign({ kind: "too many" });
      throw new Failure("rest_too_many", `the exchange answers 429: ${shown(text)}`);
    case 418:
      onSign({ kind: "blocked", forMs: blockedMs(text, answer.headers.get("retry-after")) });
      throw new Failure("rest_blocked", `the exchange blocks this address: ${shown(text)}`);
    case 404:
      throw new Failure("market_gone", `${address} answers 404: ${shown(text)}`);
    default:
      if (answer.status >= 500) {
        onSign({ kind: "away" });
        throw new Failure("rest_away", `${address} answers ${answer.status}: ${shown(text)}`);
      }
      throw new Failure("rest_refused", `${address} answers ${answer.status}: ${shown(text)}`);
  }
}

/** `group=candles; min=600; sec=8` → 8. `min` is constant and deprecated. */
export function leftOf(header: string | null): number | null {
  const match = /(?:^|[;\s])sec=(\d{1,6})/.exec(header ?? "");
  return match === null ? null : Number(match[1]);
}

/** How long a block lasts, ms, as the message or the header says; null when neither does. */
export function blockedMs(text: string, retryAfter: string | null): number | null {
  const seconds = /^\d{1,6}$/.test(retryAfter ?? "")
    ? Number(retryAfter)
    : Number(/(\d{1,6})\s*(?:seconds?|초)/.exec(text)?.[1] ?? NaN);
  return Number.isNaN(seconds) ? null : Math.min(seconds, BLOCK_S_MAX) * 1_000;
}

/** In whole seconds; infinite when there is none. */
function dateMs(header: string | null): number {
  const ms = Date.parse(header ?? "");
  return Number.isNaN(ms) ? Infinity : ms;
}

/** Codes of what a request may come to, as the metrics name it. */
export function resultOf(error: unknown): string {
  if (!(error instanceof Failure)) throw error;
  return RESULTS[error.code] ?? "unreadable";
}

export const RESULTS: Readonly<Record<string, string>> = {
  rest_away: "away",
  rest_too_many: "too many",
  rest_blocked: "blocked",
  market_gone: "gone",
  rest_refused: "refused",
};
