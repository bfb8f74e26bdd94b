import type uPlot from "uplot";
import { axisNumber } from "../format/number.ts";
import { bucketLengthMs, bucketMiddleMs } from "../model/buckets.ts";
import type { ViewRange } from "../model/view_range.ts";
import { barRects, directionAt } from "./bars.ts";
import type { ChartSource } from "./candle_chart.ts";
import type { Palette } from "./palette.ts";
import { drawBars, drawLastPrice, drawUnknown, drawVolumeLine } from "./paint.ts";
import { AXIS_FONT_PX } from "./plot_options.ts";
import { PRICE_BOTTOM_SHARE } from "./price_scale.ts";

/** One frame: what is unknown, then bars, then the last price on the axis. */
export function drawChart(
  plot: uPlot,
  source: ChartSource,
  view: ViewRange,
  [from, to]: readonly [number, number],
  digits: number,
  palette: Palette,
): void {
  const { series, unknown, unknownText, interval } = source;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const toPx = (ms: number): number => plot.valToPos(ms, "x", true);
  if (unknown !== null) {
    drawUnknown(ctx, bbox, toPx(unknown.sinceMs), toPx(unknown.untilMs), unknownText, palette);
  }
  const rects = barRects(series.columns, from, to, {
    fromMs: view.fromMs,
    pxPerMs: bbox.width / (view.toMs - view.fromMs),
    leftPx: bbox.left,
    bucketMs: bucketLengthMs(interval),
    middleMs: (startsAtMs) => bucketMiddleMs(interval, startsAtMs),
    priceToPx: (price) => plot.valToPos(price, "price", true),
    volumeToPx: (volume) => plot.valToPos(volume, "volume", true),
    basePx: Math.round(bbox.top + bbox.height),
  });
  drawVolumeLine(ctx, bbox, palette);
  drawBars(ctx, rects, palette);
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
