import { Failure, shown } from "#core/failure.ts";
import { type Market, market, quoteOf } from "#core/market.ts";
import { LIVE_EVENT_NAMES, type LiveEventName } from "../live_event.ts";

/** Most words of `markets` in one request; the exchange lists fewer than a thousand pairs. */
export const SUBSCRIPTION_WORDS_MAX = 1_000;

/** What one connection asked for. Two with the same key get the same bytes. */
export interface Subscription {
  readonly key: string;
  readonly events: ReadonlySet<LiveEventName>;
  /** The markets asked for, when they were named one by one; null when there may be others. */
  readonly pairs: readonly Market[] | null;
  matches(market: Market): boolean;
  /** Whether the market-less events and the given market's events of this name are wanted. */
  wants(name: LiveEventName, market: Market | null): boolean;
}

/**
 * Reads `markets=all|KRW|KRW-BTC,KRW-ETH` and `events=ticker,candle,link`; absent means all.
 *
 * @throws Failure `markets_invalid`, `market_invalid`, `events_invalid`
 */
export function subscription(marketsText: string | null, eventsText: string | null): Subscription {
  const words = wordsOf(marketsText ?? "all");
  if (words.length === 0 || words.length > SUBSCRIPTION_WORDS_MAX) {
    throw new Failure(
      "markets_invalid",
      `markets names ${words.length} markets; write all, KRW, or KRW-BTC,KRW-ETH, at most ${SUBSCRIPTION_WORDS_MAX} of them`,
    );
  }
  const all = words.includes("all");
  const quotes = new Set(words.filter((word) => /^[A-Z0-9]{2,8}$/.test(word)));
  const pairs = new Set(
    words.filter((word) => word !== "all" && !quotes.has(word)).map(market),
  );
  const events = new Set(eventsText === null ? LIVE_EVENT_NAMES : wordsOf(eventsText).map(name));
  if (events.size === 0) throw eventsFailure(eventsText ?? "");
  const matches = (candidate: Market): boolean =>
    all || pairs.has(candidate) || quotes.has(quoteOf(candidate));
  const markets = all ? "all" : [...[...quotes].sort(), ...[...pairs].sort()].join(",");
  return {
    key: `${LIVE_EVENT_NAMES.filter((one) => events.has(one)).join(",")} ${markets}`,
    events,
    pairs: all || quotes.size > 0 ? null : [...pairs],
    matches,
    wants: (name, market) => events.has(name) && (market === null || matches(market)),
  };
}

function wordsOf(text: string): string[] {
  return [...new Set(text.split(",").map((word) => word.trim()).filter((word) => word !== ""))];
}

function name(word: string): LiveEventName {
  if ((LIVE_EVENT_NAMES as readonly string[]).includes(word)) return word as LiveEventName;
  throw eventsFailure(word);
}

function eventsFailure(text: string): Failure {
  return new Failure(
    "events_invalid",
    `events has ${shown(text)}; use any of ${LIVE_EVENT_NAMES.join(", ")}`,
  );
}
