import { PAGE_ROWS_MAX } from "#core/candle_page.ts";
import { Failure, shown } from "#core/failure.ts";
import { type Interval, interval } from "#core/interval.ts";
import { type Market, market } from "#core/market.ts";
import { timeParameter } from "../http/time_parameter.ts";

/** What `GET /api/candles` was asked: the newest `count` rows that start before `toMs`. */
export interface CandleRequest {
  readonly market: Market;
  readonly interval: Interval;
  /** Exclusive, ms since the epoch; null = the newest there are. */
  readonly toMs: number | null;
  readonly count: number;
}

export const COUNT_DEFAULT = 200;

/** Two requests with the same key have the same answer at the same time. */
export function requestKey({ market, interval, toMs, count }: CandleRequest): string {
  return `${market} ${interval} ${toMs ?? ""} ${count}`;
}

/** @throws Failure `market_missing`, `market_invalid`, `interval_invalid`, `to_invalid`, `count_invalid` */
export function candleRequest(query: URLSearchParams): CandleRequest {
  const marketText = query.get("market");
  if (marketText === null) {
    throw new Failure("market_missing", "market is missing; write market=KRW-BTC");
  }
  return {
    market: market(marketText),
    interval: interval(query.get("interval") ?? "1s"),
    toMs: timeParameter("to", query.get("to")),
    count: count(query.get("count")),
  };
}

function count(text: string | null): number {
  if (text === null) return COUNT_DEFAULT;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (value >= 1 && value <= PAGE_ROWS_MAX) return value;
  throw new Failure(
    "count_invalid",
    `count is ${shown(text)}, expected a whole number 1..${PAGE_ROWS_MAX}; page back with to`,
  );
}
