import uPlot from "uplot";
import { bucketEndMs, bucketStartMs, type Interval } from "#core/interval.ts";
import type { CandleSeries } from "../model/candle_series.ts";
import type { Unknown } from "../model/candle_feed.ts";
import { axisNumber, fractionDigitsOf } from "../format/number.ts";
import { axisStepMs, axisTimes, axisTimeText, momentText, type Zone } from "../format/time.ts";
import {
  advanced,
  panned,
  viewAtHead,
  type ViewLimits,
  type ViewRange,
  zoomed,
} from "../model/view_range.ts";
import { barRects, directionAt, extremes } from "./bars.ts";
import { followGestures } from "./gestures.ts";
import { type Palette, readPalette } from "./palette.ts";
import { drawBars, drawLastPrice, drawUnknown, drawVolumeLine } from "./paint.ts";
import { PRICE_BOTTOM_SHARE, priceSpan, priceSplits, volumeSpan } from "./price_scale.ts";

export interface ChartSource {
  readonly market: string;
  readonly interval: Interval;
  readonly series: CandleSeries;
  readonly unknown: Unknown | null;
  readonly unknownText: string;
  /** Newest time there is to see, ms. */
  readonly headMs: number;
}

export interface ChartPorts {
  readonly source: () => ChartSource;
  readonly zone: () => Zone;
  /** Start of the bucket under the crosshair, or null. */
  readonly onHover: (startsAtMs: number | null) => void;
  readonly onView: (view: ViewRange) => void;
  /** The oldest row came near the left edge. */
  readonly onNeedsOlder: () => void;
}

/** Width of a bucket when a chart is opened, CSS pixels. */
const BUCKET_PX = 5;
const BUCKET_PX_MAX = 40;
const ROOM_SHARE = 0.06;
const AXIS_FONT_PX = 11;
const LABEL_HALF_PX = 26;

/**
 * Candles and volumes on a uPlot: uPlot keeps scales, axes, crosshair and device pixels, the bars are filled by pixel
 * column. However much changes, it is drawn at most once a frame.
 */
export class CandleChart {
  readonly #root: HTMLElement;
  readonly #ports: ChartPorts;
  readonly #plot: uPlot;
  readonly #stop = new AbortController();
  readonly #timeLabel: HTMLElement;
  readonly #priceLabel: HTMLElement;
  #palette: Palette;
  #view: ViewRange = { fromMs: 0, toMs: 1, follows: true };
  #shown = "";
  #frame = 0;
  #drawnFrames = 0;
  #hovered: number | null = null;
  #hoverY = 0;
  #digits = 0;

  constructor(root: HTMLElement, ports: ChartPorts) {
    this.#root = root;
    this.#ports = ports;
    this.#palette = readPalette(root);
    this.#plot = new uPlot(this.#options(), [[0, 1], [null, null], [null, null]], root);
    this.#timeLabel = label(this.#plot.over, "crosshair-label crosshair-time");
    this.#priceLabel = label(this.#plot.over, "crosshair-label crosshair-price");
    const sizes = new ResizeObserver(() => this.#resize());
    sizes.observe(root);
    this.#stop.signal.addEventListener("abort", () => sizes.disconnect());
    followGestures(this.#plot.over, root, {
      pan: (byPx) => this.#pan(-byPx),
      zoom: (factor, atPx) => this.#zoom(factor, atPx),
      hover: (at) => this.#hover(at),
      step: (by) => this.#step(by),
      toHead: () => this.toHead(),
    }, this.#stop.signal);
  }

  get drawnFrames(): number {
    return this.#drawnFrames;
  }

  get view(): ViewRange {
    return this.#view;
  }

  /** Something changed; draws with the next frame. */
  request(): void {
    if (this.#frame !== 0 || this.#stop.signal.aborted) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  /** The theme changed. */
  repaint(): void {
    this.#palette = readPalette(this.#root);
    this.request();
  }

  toHead(): void {
    this.#look(viewAtHead(this.#view.toMs - this.#view.fromMs, this.#limits()));
  }

  zoomBy(factor: number): void {
    this.#look(
      zoomed(this.#view, factor, (this.#view.fromMs + this.#view.toMs) / 2, this.#limits()),
    );
  }

  destroy(): void {
    this.#stop.abort();
    cancelAnimationFrame(this.#frame);
    this.#plot.destroy();
  }

  #draw(): void {
    const { market, interval, series } = this.#ports.source();
    const shown = `${market} ${interval}`;
    const limits = this.#limits();
    if (this.#shown !== shown) {
      this.#shown = shown;
      this.#hovered = null;
      this.#ports.onHover(null);
      this.#look(viewAtHead(this.#plotWidth() / BUCKET_PX * this.#bucketMs(), limits));
    } else if (this.#view.follows) {
      this.#look(advanced(this.#view, limits));
    }
    cancelAnimationFrame(this.#frame); // looking asked for the frame that is being drawn
    this.#frame = 0;
    this.#digits = digitsOf(series);
    this.#plot.setScale("x", { min: this.#view.fromMs, max: this.#view.toMs });
    this.#placeCrosshair();
    if (series.first !== undefined && this.#view.fromMs < series.first.startsAtMs) {
      this.#ports.onNeedsOlder();
    }
  }

  #options(): uPlot.Options {
    const font = (): string => `${AXIS_FONT_PX}px ${this.#palette.font}`;
    const axis = {
      stroke: () => this.#palette.text,
      grid: { stroke: () => this.#palette.grid, width: 1 },
      ticks: { show: false },
      font: font(),
      gap: 6,
    };
    return {
      width: Math.max(1, this.#root.clientWidth),
      height: Math.max(1, this.#root.clientHeight),
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
        price: { range: () => this.#priceRange() },
        volume: { range: () => this.#volumeRange() },
      },
      axes: [
        {
          ...axis,
          size: 26,
          splits: (plot) => this.#timeSplits(plot),
          values: (plot, splits) => {
            const stepMs = this.#timeStepMs(plot);
            const edgeMs = this.#view.fromMs + LABEL_HALF_PX * this.#msPerPx();
            // a label that the left edge would cut is left out, its line stays
            return splits.map((ms) =>
              ms < edgeMs ? "" : axisTimeText(ms, stepMs, this.#ports.zone())
            );
          },
        },
        {
          ...axis,
          scale: "price",
          side: 1,
          size: (_plot, values) => axisWidth(values ?? []),
          splits: (_plot, _axis, min, max) => {
            const from = min + (max - min) * (PRICE_BOTTOM_SHARE - 0.03);
            return priceSplits(from, max, this.#root.clientHeight / 60, this.#digits);
          },
          values: (_plot, splits) => splits.map((price) => axisNumber(price, this.#digits)),
        },
        {
          ...axis,
          scale: "volume",
          side: 1,
          size: 0,
          grid: { show: false },
          splits: () => [],
          values: () => [],
        },
      ],
      series: [
        {},
        { scale: "price", auto: false, paths: () => null, points: { show: false } },
        { scale: "volume", auto: false, paths: () => null, points: { show: false } },
      ],
      hooks: { draw: [(plot) => this.#paint(plot)] },
    };
  }

  #paint(plot: uPlot): void {
    const { series, unknown, unknownText } = this.#ports.source();
    const { ctx, bbox } = plot;
    const palette = this.#palette;
    this.#drawnFrames++;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    const toPx = (ms: number): number => plot.valToPos(ms, "x", true);
    if (unknown !== null) {
      drawUnknown(ctx, bbox, toPx(unknown.sinceMs), toPx(unknown.untilMs), unknownText, palette);
    }
    const [from, to] = this.#visible();
    const rects = barRects(series.columns, from, to, {
      fromMs: this.#view.fromMs,
      pxPerMs: bbox.width / (this.#view.toMs - this.#view.fromMs),
      leftPx: bbox.left,
      bucketMs: this.#bucketMs(),
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
    const text = axisNumber(price, this.#digits);
    drawLastPrice(ctx, bbox, y, text, direction, palette, AXIS_FONT_PX);
  }

  #visible(): [number, number] {
    const { series } = this.#ports.source();
    const from = series.lowerBound(this.#view.fromMs - this.#bucketMs());
    return [from, series.lowerBound(this.#view.toMs)];
  }

  #priceRange(): [number, number] {
    const { series } = this.#ports.source();
    const found = extremes(series.columns, ...this.#visible());
    const last = series.columns.close.at(-1) ?? 1;
    const span = priceSpan(found?.low ?? last, found?.high ?? last, 10 ** -this.#digits);
    return [span.min, span.max];
  }

  #volumeRange(): [number, number] {
    const { series } = this.#ports.source();
    const span = volumeSpan(extremes(series.columns, ...this.#visible())?.volume ?? 0);
    return [span.min, span.max];
  }

  #timeStepMs(plot: uPlot): number {
    const widthPx = plot.bbox.width / devicePixelRatio || 1;
    return Math.max(
      axisStepMs(this.#view.toMs - this.#view.fromMs, widthPx / 84),
      Math.min(this.#bucketMs(), 86_400_000),
    );
  }

  #timeSplits(plot: uPlot): number[] {
    const stepMs = this.#timeStepMs(plot);
    return axisTimes(this.#view.fromMs, this.#view.toMs, stepMs, this.#ports.zone());
  }

  #bucketMs(): number {
    const { interval } = this.#ports.source();
    return bucketEndMs(interval, 0) - bucketStartMs(interval, 0);
  }

  #plotWidth(): number {
    const width = this.#plot.over.clientWidth;
    return width > 0 ? width : Math.max(1, this.#root.clientWidth - 80);
  }

  #limits(): ViewLimits {
    const bucketMs = this.#bucketMs();
    const width = this.#plotWidth();
    return {
      spanMsMin: width / BUCKET_PX_MAX * bucketMs,
      spanMsMax: width * 10 * bucketMs,
      headMs: this.#ports.source().headMs,
      roomShare: ROOM_SHARE,
    };
  }

  #look(view: ViewRange): void {
    this.#view = view;
    this.#ports.onView(view);
    this.request();
  }

  #msPerPx(): number {
    return (this.#view.toMs - this.#view.fromMs) / this.#plotWidth();
  }

  #pan(byPx: number): void {
    this.#look(panned(this.#view, byPx * this.#msPerPx(), this.#limits()));
  }

  #zoom(factor: number, atPx: number): void {
    const anchorMs = this.#view.fromMs + atPx * this.#msPerPx();
    this.#look(zoomed(this.#view, factor, anchorMs, this.#limits()));
  }

  #hover(at: { readonly x: number; readonly y: number } | null): void {
    if (at === null) return this.#point(null);
    this.#hoverY = at.y;
    const timeMs = this.#view.fromMs + at.x * this.#msPerPx();
    this.#point(bucketStartMs(this.#ports.source().interval, timeMs));
  }

  /** Keyboard: the crosshair moves by buckets; the view follows it. */
  #step(by: number): void {
    const { interval, series } = this.#ports.source();
    const last = series.last?.startsAtMs;
    if (last === undefined) return;
    const from = this.#hovered ?? last;
    const bucketMs = this.#bucketMs();
    const next = bucketStartMs(interval, from + by * bucketMs + (by < 0 ? 0 : bucketMs / 2));
    this.#hoverY = this.#plot.over.clientHeight / 3;
    const before = this.#view.fromMs + bucketMs - next;
    const after = next + 2 * bucketMs - this.#view.toMs;
    if (before > 0) this.#look(panned(this.#view, -before, this.#limits()));
    else if (after > 0) this.#look(panned(this.#view, after, this.#limits()));
    this.#point(next);
  }

  #point(startsAtMs: number | null): void {
    if (this.#hovered !== startsAtMs) {
      this.#hovered = startsAtMs;
      this.#ports.onHover(startsAtMs);
    }
    this.#placeCrosshair();
  }

  #placeCrosshair(): void {
    const shown = this.#hovered !== null;
    this.#timeLabel.hidden = this.#priceLabel.hidden = !shown;
    if (this.#hovered === null) {
      this.#plot.setCursor({ left: -10, top: -10 }, false);
      return;
    }
    const left = (this.#hovered + this.#bucketMs() / 2 - this.#view.fromMs) / this.#msPerPx();
    this.#plot.setCursor({ left, top: this.#hoverY }, false);
    const { interval } = this.#ports.source();
    const price = this.#plot.posToVal(this.#hoverY, "price");
    const { clientWidth, clientHeight } = this.#plot.over;
    this.#timeLabel.textContent = momentText(this.#hovered, this.#ports.zone());
    this.#timeLabel.style.transform = `translate(${
      Math.round(Math.min(Math.max(left, 50), clientWidth - 50))
    }px, ${clientHeight}px) translateX(-50%)`;
    this.#priceLabel.textContent = axisNumber(price, this.#digits);
    this.#priceLabel.style.transform = `translate(${clientWidth}px, ${
      Math.round(this.#hoverY)
    }px) translateY(-50%)`;
    this.#priceLabel.hidden = this.#hoverY > clientHeight * (1 - PRICE_BOTTOM_SHARE + 0.03);
    if (interval === "1d" || interval === "1w" || interval === "1mo") {
      this.#timeLabel.textContent = momentText(this.#hovered, this.#ports.zone()).slice(0, 5);
    }
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#root;
    if (width === 0 || height === 0) return;
    if (this.#plot.width === width && this.#plot.height === height) return;
    // the bars keep their width: more room shows more time
    const ratio = width / this.#plot.width;
    this.#plot.setSize({ width, height });
    const { fromMs, toMs, follows } = this.#view;
    this.#look({ fromMs: toMs - (toMs - fromMs) * ratio, toMs, follows });
  }
}

const NO_LISTENER = (): null => null;

/** Pointer, wheel and keys are ours ({@link followGestures}): uPlot knows no touch. */
const NOT_BOUND = {
  mousedown: NO_LISTENER,
  mouseup: NO_LISTENER,
  click: NO_LISTENER,
  dblclick: NO_LISTENER,
  mousemove: NO_LISTENER,
  mouseleave: NO_LISTENER,
  mouseenter: NO_LISTENER,
};

/** Rows whose digits tell the market's precision. */
const DIGITS_ROWS = 200;

function digitsOf(series: CandleSeries): number {
  let digits = 0;
  for (let at = Math.max(0, series.length - DIGITS_ROWS); at < series.length; at++) {
    digits = Math.max(digits, fractionDigitsOf(series.row(at)!.close));
  }
  return Math.min(digits, 10);
}

function axisWidth(values: readonly (string | number | null)[]): number {
  const longest = values.reduce<number>((most, value) => Math.max(most, `${value}`.length), 6);
  return Math.ceil(longest * AXIS_FONT_PX * 0.62) + 18;
}

function label(parent: HTMLElement, className: string): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  element.hidden = true;
  parent.append(element);
  return element;
}
