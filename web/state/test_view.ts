import type { Gap } from "#core/gap.ts";
import type { DrawColumns } from "../model/candle_series.ts";
import type { SeriesRow } from "../model/series_row.ts";
import type { ViewRange } from "../model/view_range.ts";
import type { CandleChart } from "../chart/candle_chart.ts";
import type { App } from "./app.ts";

/**
 * `window.stofka`: what the page holds, read only, for tests of the whole path and for the curious at the console. It is
 * no interface to build on.
 */
export interface TestView {
  readonly market: string;
  readonly interval: string;
  /** What the bars are drawn from. */
  columns(): DrawColumns;
  /** The exact record of the bucket that starts then, ms. */
  row(startsAtMs: number): SeriesRow | null;
  readonly feedState: string;
  /** What was missed of what the chart shows, newest first. */
  readonly gaps: readonly Gap[];
  readonly drawnFrames: number;
  readonly view: ViewRange | null;
  readonly badge: { readonly state: string; readonly provenance: string | null };
}

let chart: CandleChart | null = null;

/** The chart tells of itself when it is mounted and when it goes. */
export function showChartInTestView(mounted: CandleChart | null): void {
  chart = mounted;
}

export function exposeReadOnlyView(app: App): void {
  const view: TestView = {
    get market() {
      return app.market.peek();
    },
    get interval() {
      return app.interval.peek();
    },
    columns: () => structuredClone(app.session.peek().feed.series.columns),
    row: (startsAtMs) => app.session.peek().feed.series.rowAt(startsAtMs) ?? null,
    get feedState() {
      return app.session.peek().feed.state.kind;
    },
    get gaps() {
      return structuredClone(app.session.peek().gapWatch.gaps.peek());
    },
    get drawnFrames() {
      return chart?.drawnFrames ?? 0;
    },
    get view() {
      return chart?.view ?? null;
    },
    get badge() {
      const { badge, provenance } = app.freshness;
      return { state: badge.peek().state, provenance: provenance.peek() };
    },
  };
  Object.defineProperty(globalThis, "stofka", { value: Object.freeze(view) });
}
