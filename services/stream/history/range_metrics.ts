import { Counter, type Registry } from "prom-client";
import type { Interval } from "#core/interval.ts";
import type { Bypass } from "./cached_pages.ts";

export interface CandleMeter {
  /** @param why null: Redis had it */
  answered(interval: Interval, why: Bypass | null): void;
  /** @param filled false: an update came first, or Redis did not take it */
  filled(filled: boolean): void;
}

export function candleMeter(registry: Registry): CandleMeter {
  const registers = [registry];
  const requests = new Counter({
    name: "stofka_stream_candle_requests_total",
    help:
      "Candle requests by interval and by who answered: redis, or postgres and why (cold: nothing cached, or too little, so it is filled; page: a page by `to`; away: Redis did not answer; no_feed, feed_old: persist has not said how far it is; behind: PostgreSQL had shown more already; arrears: roll-ups stand still; coverage: no running session saw the stretch). Requests that joined one under way are not counted.",
    labelNames: ["interval", "answer", "reason"],
    registers,
  });
  const fills = new Counter({
    name: "stofka_stream_candle_fills_total",
    help:
      "Ranges read from PostgreSQL for Redis, by outcome: filled, or refused because an update came first or Redis did not take it.",
    labelNames: ["outcome"],
    registers,
  });
  return {
    answered: (interval, why) =>
      requests.inc({
        interval,
        answer: why === null ? "redis" : "postgres",
        reason: why ?? "cached",
      }),
    filled: (filled) => fills.inc({ outcome: filled ? "filled" : "refused" }),
  };
}
