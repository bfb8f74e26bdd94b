import type uPlot from "uplot";
import { axisNumber } from "../format/number.ts";
import { type AxisStep, axisTimes, axisTimeText } from "../format/time_axis.ts";
import type { ViewRange } from "../model/view_range.ts";
import type { Palette } from "./palette.ts";
import { PRICE_BOTTOM_SHARE, priceSplits } from "./price_scale.ts";

export const AXIS_FONT_PX = 11;

/** Room between two labels, CSS pixels, and half the width of the widest at an edge. */
export const TIME_LABEL_PX = 84;
const TIME_LABEL_HALF_PX = 26;
const PRICE_LABEL_PX = 60;
/** A label nearer to the top would be cut. */
const TOP_EDGE_PX = 8;

/** What the plot asks while it draws: everything may have changed since the last frame. */
export interface PlotHost {
  readonly width: number;
  readonly height: number;
  readonly palette: () => Palette;
  readonly view: () => ViewRange;
  readonly priceRange: () => readonly [number, number];
  readonly volumeRange: () => readonly [number, number];
  readonly timeStep: () => AxisStep;
  /** Of the zone in which the labels are round. */
  readonly offsetMs: () => number;
  /** Fraction digits of the market's prices. */
  readonly digits: () => number;
  readonly paint: (plot: uPlot) => void;
}

/** uPlot as scales, axes, crosshair lines and device pixels; series, legend and listeners are not its own. */
export function plotOptions(host: PlotHost): uPlot.Options {
  const axis = {
    stroke: () => host.palette().text,
    grid: { stroke: () => host.palette().grid, width: 1 },
    ticks: { show: false },
    font: `${AXIS_FONT_PX}px ${host.palette().font}`,
    gap: 6,
  };
  return {
    width: host.width,
    height: host.height,
    ms: 1,
    padding: [0, 0, 0, 0],
    legend: { show: false },
    cursor: {
      x: true,
      y: true,
      points: { show: false },
      drag: { x: false, y: false, setScale: false },
      bind: NOT_BOUND,
    },
    scales: {
      x: { time: false, range: (_plot, min, max) => [min, max] },
      price: { range: () => [...host.priceRange()] },
      volume: { range: () => [...host.volumeRange()] },
    },
    axes: [timeAxis(host, axis), priceAxis(host, axis), {
      ...axis,
      scale: "volume",
      side: 1,
      size: 0,
      grid: { show: false },
      splits: () => [],
      values: () => [],
    }],
    series: [
      {},
      { scale: "price", auto: false, paths: () => null, points: { show: false } },
      { scale: "volume", auto: false, paths: () => null, points: { show: false } },
    ],
    hooks: { draw: [host.paint] },
  };
}

function timeAxis(host: PlotHost, axis: uPlot.Axis): uPlot.Axis {
  return {
    ...axis,
    size: 26,
    splits: () => {
      const { fromMs, toMs } = host.view();
      return axisTimes(fromMs, toMs, host.timeStep(), host.offsetMs());
    },
    values: (plot, splits) => {
      const { fromMs, toMs } = host.view();
      const edgeMs = fromMs + TIME_LABEL_HALF_PX * (toMs - fromMs) / plot.over.clientWidth;
      // a label that the left edge would cut is left out, its line stays
      return splits.map((ms) =>
        ms < edgeMs ? "" : axisTimeText(ms, host.timeStep(), host.offsetMs())
      );
    },
  };
}

function priceAxis(host: PlotHost, axis: uPlot.Axis): uPlot.Axis {
  return {
    ...axis,
    scale: "price",
    side: 1,
    size: (_plot, values) => axisWidth(values ?? []),
    splits: (plot, _axis, min, max) => {
      const height = plot.over.clientHeight;
      const from = min + (max - min) * (PRICE_BOTTOM_SHARE - 0.03);
      const to = max - (max - min) * TOP_EDGE_PX / Math.max(1, height);
      return priceSplits(from, to, height / PRICE_LABEL_PX, host.digits());
    },
    values: (_plot, splits) => splits.map((price) => axisNumber(price, host.digits())),
  };
}

function axisWidth(values: readonly (string | number | null)[]): number {
  const longest = values.reduce<number>((most, value) => Math.max(most, `${value}`.length), 6);
  return Math.ceil(longest * AXIS_FONT_PX * 0.62) + 18;
}

const NO_LISTENER = (): null => null;

/** Pointer, wheel and keys are followed in gestures.ts: uPlot knows no touch. */
const NOT_BOUND = {
  mousedown: NO_LISTENER,
  mouseup: NO_LISTENER,
  click: NO_LISTENER,
  dblclick: NO_LISTENER,
  mousemove: NO_LISTENER,
  mouseleave: NO_LISTENER,
  mouseenter: NO_LISTENER,
};
