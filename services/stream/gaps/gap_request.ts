import { type Interval, interval } from "#core/interval.ts";
import { type Market, market } from "#core/market.ts";
import { assertDays, pastSpan } from "../http/past_span.ts";

/** What `GET /api/gaps` was asked: what is missing of a market, or of all, within [sinceMs, untilMs). */
export interface GapRequest {
  /** Null: of all. */
  readonly market: Market | null;
  /** Of a longer interval, the exchange's own rows of it cover too. */
  readonly interval: Interval;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Longest stretch: of one market, as long as coverage is kept at least; of all, a month. */
const DAYS_MAX = { one: 400, all: 31 } as const;

/** Two requests with the same key have the same answer at the same time. */
export function gapRequestKey({ market, interval, sinceMs, untilMs }: GapRequest): string {
  return `${market ?? ""} ${interval} ${sinceMs} ${untilMs}`;
}

/**
 * Until now and over the last day where it is not said; whole seconds, what lies ahead of now is left out.
 *
 * @throws Failure `market_invalid`, `interval_invalid`, `since_invalid`, `until_invalid`, `range_empty`, `range_too_long`
 */
export function gapRequest(query: URLSearchParams, nowMs: number): GapRequest {
  const marketText = query.get("market");
  const wanted = marketText === null ? null : market(marketText);
  const span = pastSpan(query, nowMs, 1_000);
  assertDays(span, wanted === null, DAYS_MAX);
  return { market: wanted, interval: interval(query.get("interval") ?? "1s"), ...span };
}
