import type { CandlePage } from "#core/candle_page.ts";
import type { CandleEvent } from "#core/event/candle_event.ts";
import { newer, type Revision } from "#core/revision.ts";
import { CandleSeries, type GivesWay } from "./candle_series.ts";
import type { FeedRows } from "./feed_rows.ts";
import { rowFromEvent, rowsFromPage } from "./series_row.ts";
import { Tombstones } from "./tombstones.ts";

/** Seconds need no folding: pages, tail and events are merged by revision. */
export class SecondRows implements FeedRows {
  readonly series: CandleSeries;
  readonly #gone = new Tombstones();

  constructor(series = new CandleSeries()) {
    this.series = series;
  }

  begin(): void {}

  page(page: CandlePage, givesWay?: GivesWay): void {
    this.series.merge(
      rowsFromPage(page).filter((row) => !this.#gone.covers(row.startsAtMs, row.revision)),
      givesWay,
    );
  }

  second(event: CandleEvent): boolean {
    const { startsAtMs, revision } = event;
    if (event.deleted === true) return this.#delete(startsAtMs, revision);
    if (this.#gone.covers(startsAtMs, revision)) return false;
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

  #delete(startsAtMs: number, revision: Revision): boolean {
    const shown = this.series.rowAt(startsAtMs);
    if (shown !== undefined && !newer(revision, shown.revision)) return false;
    if (!this.#gone.add(startsAtMs, revision)) return false;
    this.series.remove(startsAtMs);
    return shown !== undefined;
  }
}
