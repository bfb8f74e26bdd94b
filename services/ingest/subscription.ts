import { assert } from "#core/assert.ts";
import type { Market } from "#core/market.ts";
import type { Subscription } from "#core/upbit/frame.ts";

export const CANDLE_TYPE = "candle.1s";
export const TICKER_TYPE = "ticker";

/**
 * The one frame that says everything: a second frame would replace it.
 *
 * @param ticket unique; the exchange repeats it in its answer to {@link listFrame}
 */
export function subscribeFrame(ticket: string, markets: readonly Market[]): string {
  assert(markets.length > 0, "something to subscribe to", markets.length);
  return JSON.stringify([
    { ticket },
    { type: CANDLE_TYPE, codes: markets },
    { type: TICKER_TYPE, codes: markets },
    { format: "DEFAULT" },
  ]);
}

/** Asks what was accepted: an unknown code gets neither an error nor a frame. */
export function listFrame(ticket: string): string {
  return JSON.stringify([{ ticket }, { method: "LIST_SUBSCRIPTIONS" }]);
}

/**
 * Which of the asked markets the exchange will send seconds of; null when the answer speaks of no seconds at all, hence
 * tells nothing (the documentation shows only one example of it).
 */
export function acceptedMarkets(
  asked: readonly Market[],
  answer: readonly Subscription[],
): readonly Market[] | null {
  const codes = answer.filter(({ type }) => type === CANDLE_TYPE).flatMap(({ codes }) => codes);
  if (codes.length === 0) return null;
  const accepted = new Set(codes);
  return asked.filter((market) => accepted.has(market));
}
