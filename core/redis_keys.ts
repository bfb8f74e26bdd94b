import type { Market } from "./market.ts";
import type { Namespace } from "./namespace.ts";

/**
 * The names of everything kept in Redis. Values that carry a revision are written as `<revision> <payload>`; a writer
 * replaces one only by a newer revision (in Lua, comparing text, never numbers).
 */
export interface RedisKeys {
  /** Hash, field = market: the newest ticker, payload = the exchange's element as it came. Never evicted. */
  readonly tickers: string;
  /** Hash, field = market: the newest second, payload = a `candle` event. Never evicted. */
  readonly candles: string;
  /** Hash, field = market: the exchange's listing entry as it came. Never evicted. */
  readonly listings: string;
  /**
   * Sorted set of a market's newest seconds (score = start in whole seconds since the epoch), member =
   * `<revision> <candle event>`, one member per second, at most {@link SECONDS_CACHED_MAX}.
   */
  seconds(market: Market): string;
}

/** Newest seconds kept per market. */
export const SECONDS_CACHED_MAX = 3_600;

export function redisKeys(namespace: Namespace): RedisKeys {
  return {
    tickers: `${namespace}tickers`,
    candles: `${namespace}candles`,
    listings: `${namespace}listings`,
    seconds: (market) => `${namespace}seconds:${market}`,
  };
}
