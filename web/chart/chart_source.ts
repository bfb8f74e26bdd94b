import type { Interval } from "#core/interval.ts";
import type { Unknown } from "../model/candle_feed.ts";
import type { CandleSeries } from "../model/candle_series.ts";

/** What a chart shows. */
export interface ChartSource {
  readonly market: string;
  readonly interval: Interval;
  readonly series: CandleSeries;
  readonly unknown: Unknown | null;
  readonly unknownText: string;
  /** What was missed, with its reason in words. */
  readonly gaps: readonly {
    readonly sinceMs: number;
    readonly untilMs: number;
    readonly text: string;
    /** Not a loss, only not known: in grey. */
    readonly quiet?: boolean;
  }[];
  /** Drawn over the series as outlines. */
  readonly over?: CandleSeries;
  /** Another chart's, on whose scale this one is drawn too. */
  readonly beside?: CandleSeries;
  /** What is shown at first, instead of the newest time. */
  readonly fit?: { readonly fromMs: number; readonly toMs: number };
  /** Newest time there is to see, ms. */
  readonly headMs: number;
}
