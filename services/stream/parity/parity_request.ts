import { type Interval, interval } from "#core/interval.ts";
import { type Market, market } from "#core/market.ts";
import { assertDays, pastSpan } from "../http/past_span.ts";

/** What `GET /api/parity` was asked: how candles that start within [sinceMs, untilMs) compare. */
export interface ParityRequest {
  /** Null: of all. */
  readonly market: Market | null;
  readonly interval: Interval | null;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Longest stretch: as long as differences are kept for one market; of all, as long as counts are. */
const DAYS_MAX = { one: 400, all: 35 } as const;

/** Two requests with the same key have the same answer at the same time. */
export function parityRequestKey({ market, interval, sinceMs, untilMs }: ParityRequest): string {
  return `${market ?? ""} ${interval ?? ""} ${sinceMs} ${untilMs}`;
}

/**
 * Until now and over the last day where it is not said; whole seconds, what lies ahead of now is left out.
 *
 * @throws Failure `market_invalid`, `interval_invalid`, `since_invalid`, `until_invalid`, `range_empty`, `range_too_long`
 */
export function parityRequest(query: URLSearchParams, nowMs: number): ParityRequest {
  const [marketText, intervalText] = [query.get("market"), query.get("interval")];
  const wanted = marketText === null ? null : market(marketText);
  const span = pastSpan(query, nowMs, 1_000);
  assertDays(span, wanted === null, DAYS_MAX);
  return {
    market: wanted,
    interval: intervalText === null ? null : interval(intervalText),
    ...span,
  };
}
