import { Failure, shown } from "#core/failure.ts";
import { type Interval, interval, INTERVALS } from "#core/interval.ts";
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
  /** Whether the market-less events and the given market's events of this name are wanted; of roll-ups, of this interval. */
  wants(name: LiveEventName, market: Market | null, interval?: Interval | null): boolean;
}

/**
 * Reads `markets=all|KRW|KRW-BTC,KRW-ETH`, `events=ticker,candle,postgres-candle,link` and `intervals=1m,5m`. Absent
 * markets are all; absent intervals are none; absent events are all, but for roll-ups when there are no intervals.
 *
 * @throws Failure `markets_invalid`, `market_invalid`, `events_invalid`, `intervals_invalid`
 */
export function subscription(
  marketsText: string | null,
  eventsText: string | null,
  intervalsText: string | null = null,
): Subscription {
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
  const intervals = intervalsOf(intervalsText);
  const events = new Set(
    eventsText === null
      ? LIVE_EVENT_NAMES.filter((one) => one !== "postgres-candle" || intervals.size > 0)
      : wordsOf(eventsText).map(name),
  );
  if (events.size === 0) throw eventsFailure(eventsText ?? "");
  if (events.has("postgres-candle") !== intervals.size > 0) {
    throw new Failure(
      "intervals_invalid",
      intervals.size > 0
        ? "intervals is read for postgres-candle alone; add that to events"
        : "events has postgres-candle; say of which intervals, such as intervals=1m,5m",
    );
  }
  const matches = (candidate: Market): boolean =>
    all || pairs.has(candidate) || quotes.has(quoteOf(candidate));
  const markets = all ? "all" : [...[...quotes].sort(), ...[...pairs].sort()].join(",");
  return {
    key: `${LIVE_EVENT_NAMES.filter((one) => events.has(one)).join(",")} ${markets}${
      INTERVALS.map((one) => intervals.has(one) ? ` ${one}` : "").join("")
    }`,
    events,
    pairs: all || quotes.size > 0 ? null : [...pairs],
    matches,
    wants: (name, market, interval = null) =>
      events.has(name) && (market === null || matches(market)) &&
      (interval === null || intervals.has(interval)),
  };
}

function intervalsOf(text: string | null): ReadonlySet<Interval> {
  const intervals = new Set(text === null ? [] : wordsOf(text).map(interval));
  if (intervals.has("1s")) {
    throw new Failure("intervals_invalid", "1s is no roll-up: seconds come as candle events");
  }
  return intervals;
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
