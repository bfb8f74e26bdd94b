import type { Candle } from "#core/candle.ts";
import { Failure } from "#core/failure.ts";
import type { Interval } from "#core/interval.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { sleep } from "#core/lifecycle.ts";
import type { Market } from "#core/market.ts";
import { CANDLE_PATHS, readRestCandles, REST_CANDLES_MAX } from "#core/upbit/rest_candle.ts";

/** Five requests a second, half of what the exchange allows an address: the user has tools of their own. */
const PAUSE_MS = 200;
const TOO_MANY_MS = 1_000;
const TOO_MANY_MAX = 10;
const TIMEOUT_MS = 10_000;

/**
 * The exchange's candles within [sinceMs, untilMs), oldest first, asked page by page from the newest back.
 *
 * @throws Failure `exchange_away`, `exchange_refused`, `exchange_blocked`
 */
export async function exchangeCandles(
  rest: string,
  market: Market,
  interval: Interval,
  sinceMs: number,
  untilMs: number,
  signal: AbortSignal,
): Promise<Candle[]> {
  const found: Candle[] = [];
  let toMs = untilMs;
  for (;;) {
    const to = new Date(toMs).toISOString().slice(0, 19);
    const query = new URLSearchParams({ market, to: `${to}Z`, count: String(REST_CANDLES_MAX) });
    const page = readRestCandles(
      interval,
      await ask(`${rest}/${CANDLE_PATHS[interval]}?${query}`, signal),
    );
    found.unshift(...page.filter(({ startsAtMs }) => startsAtMs >= sinceMs).reverse());
    const oldest = page.at(-1);
    // a page is as long as the exchange likes: only an empty one or one that reaches back far enough ends it
    if (oldest === undefined || oldest.startsAtMs <= sinceMs) return found;
    toMs = oldest.startsAtMs;
    await sleep(PAUSE_MS, signal);
    signal.throwIfAborted();
  }
}

async function ask(address: string, signal: AbortSignal): Promise<unknown> {
  for (let tooMany = 0;; tooMany++) {
    const answer = await get(address, signal);
    if (answer.ok) return parseJsonNumbersAsText(await answer.text());
    const body = await answer.text();
    if (answer.status === 418) {
      throw new Failure(
        "exchange_blocked",
        `the exchange blocks this address for a while: ${body}`,
      );
    }
    if (answer.status !== 429 || tooMany >= TOO_MANY_MAX) {
      throw new Failure("exchange_refused", `${address} answers ${answer.status}: ${body}`);
    }
    await sleep(TOO_MANY_MS, signal);
    signal.throwIfAborted();
  }
}

async function get(address: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(address, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Failure("exchange_away", `${address} does not answer; is the network up?`, error);
  }
}
