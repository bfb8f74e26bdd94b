import type { CandlePage } from "#core/candle_page.ts";
import type { CandleEvent } from "#core/event/candle_event.ts";
import { CandleSeries, type GivesWay } from "./candle_series.ts";
import type { FeedRows } from "./feed_rows.ts";
import { rowFromEvent, rowsFromPage } from "./series_row.ts";

/** Seconds need no folding: pages, tail and events are merged by revision. */
export class SecondRows implements FeedRows {
  readonly series: CandleSeries;

  constructor(series = new CandleSeries()) {
    this.series = series;
  }

  begin(): void {}

  page(page: CandlePage, givesWay?: GivesWay): void {
    this.series.merge(rowsFromPage(page), givesWay);
  }

  second(event: CandleEvent): boolean {
    return this.series.merge([rowFromEvent(event)]) > 0;
  }

  rollup(): boolean {
    return false;
  }

  wantsPage(): boolean {
    return false;
  }

  clear(): void {
    this.series.clear();
  }
}
