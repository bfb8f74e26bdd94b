import { assert } from "#core/assert.ts";
import { type RawAnswer, readAnswerBody, SECONDS_GIVEN_DAYS } from "#core/exchange_answer.ts";
import { Failure } from "#core/failure.ts";
import { CANDLE_PATHS, REST_CANDLES_MAX } from "#core/upbit/rest_candle.ts";
import type { RestText } from "./rest.ts";
import type { Want } from "./want.ts";

/** What one request brought. */
export interface Page {
  readonly answer: RawAnswer;
  /** What of the want lies before it; null when it reached the want's begin. */
  readonly rest: Want | null;
}

/**
 * Where the newest candles of a want are. Always as many as an answer holds: a request costs the same, and of a market that
 * trades seldom it then says hours at once.
 */
export function pageAddress(restUrl: string, { market, interval, untilMs }: Want): string {
  assert(untilMs % 1_000 === 0, "the exchange is asked in whole seconds", untilMs);
  const to = `${new Date(untilMs).toISOString().slice(0, 19)}Z`;
  const query = new URLSearchParams({ market, to, count: String(REST_CANDLES_MAX) });
  return `${restUrl.replace(/\/+$/, "")}/${CANDLE_PATHS[interval]}?${query}`;
}

/**
 * What an answer says: every candle from its oldest row on. Only an empty one, or one that reaches back far enough, says that
 * there is nothing before: a page is as long as the exchange likes.
 *
 * @throws Failure of `readAnswerBody`, and `answer_invalid` for rows that were not asked for
 */
export function readPage(want: Want, { text, askedAtMs }: RestText): Page {
  const { market, interval, sinceMs, untilMs } = want;
  const rows = readAnswerBody(market, interval, text);
  const newest = rows.at(-1)?.candle.startsAtMs ?? -Infinity;
  if (newest >= untilMs) {
    throw new Failure(
      "answer_invalid",
      `${market} ${interval}: a row of ${
        new Date(newest).toISOString()
      } in an answer about what is before ${new Date(untilMs).toISOString()}`,
    );
  }
  const oldestMs = rows[0]?.candle.startsAtMs ?? sinceMs;
  const wallMs = interval === "1s" ? askedAtMs - SECONDS_GIVEN_DAYS * 86_400_000 : -Infinity;
  const reachedMs = Math.max(oldestMs, Math.min(wallMs, sinceMs));
  return {
    answer: {
      market,
      interval,
      sinceMs: reachedMs,
      untilMs,
      fetchedAtMs: askedAtMs,
      rows: rows.filter(({ candle }) => candle.startsAtMs >= reachedMs).map(({ raw }) => raw),
    },
    rest: oldestMs <= sinceMs ? null : { ...want, untilMs: oldestMs },
  };
}
