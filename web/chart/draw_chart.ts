import type uPlot from "uplot";
import { axisNumber } from "../format/number.ts";
import { bucketLengthMs, bucketMiddleMs } from "../model/buckets.ts";
import type { CandleSeries } from "../model/candle_series.ts";
import type { ViewRange } from "../model/view_range.ts";
import { type BarGeometry, barRects, directionAt } from "./bars.ts";
import type { ChartSource } from "./chart_source.ts";
import type { Palette } from "./palette.ts";
import { drawBand, drawBars, drawLastPrice, drawVolumeLine } from "./paint.ts";
import { AXIS_FONT_PX } from "./plot_options.ts";
import { PRICE_BOTTOM_SHARE } from "./price_scale.ts";

const GAP_TINT = 0.1;

/** One frame: what is missing or unknown, then bars, then the last price on the axis. */
export function drawChart(
  plot: uPlot,
  source: ChartSource,
  view: ViewRange,
  [from, to]: readonly [number, number],
  digits: number,
  palette: Palette,
): void {
  const { series, unknown, unknownText, gaps, interval } = source;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const toPx = (ms: number): number => plot.valToPos(ms, "x", true);
  for (const { sinceMs, untilMs, text, quiet } of gaps) {
    if (untilMs <= view.fromMs || sinceMs >= view.toMs) continue;
    const band = { fromPx: toPx(sinceMs), toPx: toPx(untilMs), text };
    const look = quiet === true
      ? { color: palette.text, tint: 0 }
      : { color: palette.warn, tint: GAP_TINT };
    drawBand(ctx, bbox, { ...band, ...look }, palette);
  }
  if (unknown !== null) {
    const band = { fromPx: toPx(unknown.sinceMs), toPx: toPx(unknown.untilMs), text: unknownText };
    drawBand(ctx, bbox, { ...band, color: palette.text, tint: 0 }, palette);
  }
  const geometry: BarGeometry = {
    fromMs: view.fromMs,
    pxPerMs: bbox.width / (view.toMs - view.fromMs),
    leftPx: bbox.left,
    bucketMs: bucketLengthMs(interval),
    middleMs: (startsAtMs) => bucketMiddleMs(interval, startsAtMs),
    priceToPx: (price) => plot.valToPos(price, "price", true),
    volumeToPx: (volume) => plot.valToPos(volume, "volume", true),
    basePx: Math.round(bbox.top + bbox.height),
  };
  drawVolumeLine(ctx, bbox, palette);
  drawBars(ctx, barRects(series.columns, from, to, geometry), palette);
  if (source.over !== undefined) drawOver(ctx, source.over, view, geometry, palette);
  ctx.restore();
  const last = series.length - 1;
  if (last < 0) return;
  const price = series.columns.close[last]!;
  const y = plot.valToPos(price, "price", true);
  const floor = bbox.top + bbox.height * (1 - PRICE_BOTTOM_SHARE + 0.04);
  if (y < bbox.top || y > floor) return;
  const direction = directionAt(series.columns, last);
  drawLastPrice(ctx, bbox, y, axisNumber(price, digits), direction, palette, AXIS_FONT_PX);
}

/** Another series as outlines in one colour: where both are the same, one lies on the other. */
function drawOver(
  ctx: CanvasRenderingContext2D,
  over: CandleSeries,
  view: ViewRange,
  geometry: BarGeometry,
  palette: Palette,
): void {
  const columns = { ...over.columns, incomplete: over.columns.startsAtMs.map(() => true) };
  const from = over.lowerBound(view.fromMs - geometry.bucketMs);
  const rects = barRects(columns, from, over.lowerBound(view.toMs), geometry);
  const { strong } = palette;
  drawBars(ctx, { ...rects, volumes: [[], [], []] }, {
    ...palette,
    up: strong,
    down: strong,
    even: strong,
  });
}
