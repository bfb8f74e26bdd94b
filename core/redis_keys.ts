import type { Interval } from "./interval.ts";
import type { Market } from "./market.ts";
import type { Namespace } from "./namespace.ts";

/**
 * The names of everything kept in Redis. Values that carry a revision are written as `<revision> <payload>`; a writer
 * replaces one only by a newer revision (in Lua, comparing text, never numbers).
 */
export interface RedisKeys {
  /** Hash, field = market: the newest ticker, payload = the exchange's element as it came. Never evicted. */
  readonly tickers: string;
  /**
   * `whole` while {@link tickers} holds every ticker of the compacted topic; otherwise the token of the persist that is
   * rebuilding them. Gone with a flush.
   */
  readonly tickersState: string;
  /** Hash, field = market: the newest second, payload = a `candle` event. Never evicted. */
  readonly candles: string;
  /** Hash, field = market: the exchange's listing entry as it came. Never evicted. */
  readonly listings: string;
  /**
   * Sorted set of a market's newest seconds (score = start in whole seconds since the epoch), member =
   * `<revision> <candle event>`, one member per second, at most {@link SECONDS_CACHED_MAX}.
   */
  seconds(market: Market): string;
  /** List of the newest rows of a market and interval, as core/range_set.ts writes them. Expires an hour after its fill. */
  range(interval: Interval, market: Market): string;
  /** Token of whoever is filling the range; every update of the range deletes it. */
  lease(interval: Interval, market: Market): string;
  /** Hash, field = partition: until when persist has stored its seconds, and its running sessions (core/range_feed.ts). */
  readonly feed: string;
  /** Up to which revision roll-ups are in the ranges, a space, and the epoch that their ranges must name. */
  readonly relayed: string;
}

/** Value of {@link RedisKeys.tickersState} when nothing is missing. */
export const TICKERS_WHOLE = "whole";

/** Newest seconds kept per market. */
export const SECONDS_CACHED_MAX = 3_600;

export function redisKeys(namespace: Namespace): RedisKeys {
  return {
    tickers: `${namespace}tickers`,
    tickersState: `${namespace}tickers_state`,
    candles: `${namespace}candles`,
    listings: `${namespace}listings`,
    seconds: (market) => `${namespace}seconds:${market}`,
    range: (interval, market) => `${namespace}range:${interval}:${market}`,
    lease: (interval, market) => `${namespace}lease:${interval}:${market}`,
    feed: `${namespace}feed`,
    relayed: `${namespace}relayed`,
  };
}
