import { COMPARE_BUCKETS_MAX } from "#core/compare_page.ts";
import { Failure, shown } from "#core/failure.ts";
import { bucketEndMs, bucketStartMs, type Interval, interval } from "#core/interval.ts";
import { type Market, market } from "#core/market.ts";
import { pastSpan } from "../http/past_span.ts";

/** What `GET /api/compare` was asked: candles that start within [sinceMs, untilMs), both on the interval's grid. */
export interface CompareRequest {
  readonly market: Market;
  readonly interval: Interval;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Whether older ones were asked for than one answer holds. */
  readonly cut: boolean;
}

/** Two requests with the same key have the same answer at the same time. */
export function compareRequestKey(
  { market, interval, sinceMs, untilMs, cut }: CompareRequest,
): string {
  return `${market} ${interval} ${sinceMs} ${untilMs} ${cut}`;
}

/**
 * Until now and over the last day where it is not said; whole buckets around it, the newest {@link COMPARE_BUCKETS_MAX} of them.
 *
 * @throws Failure `market_missing`, `market_invalid`, `interval_invalid`, `since_invalid`, `until_invalid`, `range_empty`
 */
export function compareRequest(query: URLSearchParams, nowMs: number): CompareRequest {
  const marketText = query.get("market");
  if (marketText === null) {
    throw new Failure("market_missing", "market is missing; say which, such as market=KRW-BTC");
  }
  const wanted = market(marketText);
  const of = interval(query.get("interval") ?? "1m");
  const asked = pastSpan(query, nowMs);
  const untilMs = bucketEndMs(of, bucketStartMs(of, asked.untilMs - 1));
  const wholeMs = bucketStartMs(of, asked.sinceMs);
  const oldestMs = newestBuckets(of, untilMs);
  const sinceMs = Math.max(wholeMs, oldestMs);
  return { market: wanted, interval: of, sinceMs, untilMs, cut: sinceMs > wholeMs };
}

/** @throws Failure `format_invalid` */
export function compareFormat(text: string | null): "json" | "csv" {
  if (text === null || text === "json") return "json";
  if (text === "csv") return "csv";
  throw new Failure("format_invalid", `${shown(text)} is not a format; use json or csv`);
}

/** Start of the oldest of the newest buckets that an answer holds. */
function newestBuckets(interval: Interval, untilMs: number): number {
  const lengthMs = bucketEndMs(interval, 0) - bucketStartMs(interval, 0);
  const startMs = untilMs - COMPARE_BUCKETS_MAX * lengthMs;
  // the first that is whole: of months, a few less than there may be
  return startMs <= 0 ? 0 : bucketStartMs(interval, startMs + lengthMs - 1);
}
