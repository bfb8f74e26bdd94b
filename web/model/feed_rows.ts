import type { CandlePage } from "#core/candle_page.ts";
import type { CandleEvent } from "#core/event/candle_event.ts";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import type { CandleSeries, GivesWay } from "./candle_series.ts";

/** What a feed fills its series through: seconds as they come, or stored roll-ups with the newest seconds folded on. */
export interface FeedRows {
  readonly series: CandleSeries;
  /** A connection began: what it sends before the next page may lie behind a hole. */
  begin(): void;
  /** A page of the newest rows, or of older ones; at the limit `givesWay` says which end of the series goes. */
  page(page: CandlePage, givesWay?: GivesWay): void;
  /** @returns whether what is shown changed */
  second(event: CandleEvent): boolean;
  /** @returns whether what is shown changed */
  rollup(event: PostgresCandleEvent): boolean;
  /** Whether only the newest page can make what is shown exact again, as of the time (ms) of the newest second. */
  wantsPage(nowMs: number): boolean;
  clear(): void;
}
