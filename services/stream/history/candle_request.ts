import { PAGE_ROWS_MAX } from "#core/candle_page.ts";
import { Failure, shown } from "#core/failure.ts";
import { type Interval, interval } from "#core/interval.ts";
import { type Market, market } from "#core/market.ts";

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
    toMs: toMs(query.get("to")),
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

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,3})?)?(?:Z|([+ -])(\d\d):(\d\d))$/;
/** 9999-12-31T23:59:59.999Z, the last time both we and PostgreSQL write with four digits. */
const TO_MS_MAX = 253_402_300_799_999;

/** `2026-11-22T09:00:00Z`, `2026-11-22T18:00:00+09:00` (its plus may have become a space), or ms since the epoch. */
function toMs(text: string | null): number | null {
  if (text === null) return null;
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : isoMs(text);
  if (ms >= 0 && ms <= TO_MS_MAX) return ms;
  throw new Failure(
    "to_invalid",
    `to is ${
      shown(text)
    }, expected a time with its zone such as 2026-11-22T09:00:00Z or 2026-11-22T18:00:00%2B09:00, or milliseconds since 1970`,
  );
}

function isoMs(text: string): number {
  const match = ISO.exec(text);
  if (match === null) return NaN;
  const [year, month, day, hour, minute, second, zoneHour, zoneMinute] = [1, 2, 3, 4, 5, 6, 8, 9]
    .map((at) => Number(match[at] ?? 0)) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
  const daysOfMonth = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const real = month >= 1 && month <= 12 && day >= 1 && day <= daysOfMonth && hour <= 23 &&
    minute <= 59 && second <= 59 && zoneHour <= 14 && zoneMinute <= 59;
  return real ? Date.parse(text.replace(" ", "+")) : NaN;
}
