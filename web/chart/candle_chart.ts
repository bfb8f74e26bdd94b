import uPlot from "uplot";
import { bucketStartMs, type Interval } from "#core/interval.ts";
import { crosshairTime } from "../format/bucket_time.ts";
import { axisNumber, fractionDigitsOf } from "../format/number.ts";
import { type Zone, ZONE_OFFSET_MS } from "../format/time.ts";
import { axisStep } from "../format/time_axis.ts";
import { bucketLengthMs, bucketMiddleMs, bucketSteps, countsDays } from "../model/buckets.ts";
import type { CandleSeries } from "../model/candle_series.ts";
import {
  advanced,
  panned,
  viewAtHead,
  type ViewLimits,
  type ViewRange,
  zoomed,
} from "../model/view_range.ts";
import { extremes } from "./bars.ts";
import { Crosshair } from "./crosshair.ts";
import type { ChartSource } from "./chart_source.ts";
import { drawChart } from "./draw_chart.ts";
import { followGestures } from "./gestures.ts";
import { type Palette, readPalette } from "./palette.ts";
import { plotOptions, TIME_LABEL_PX } from "./plot_options.ts";
import { priceSpan, volumeSpan } from "./price_scale.ts";

export interface ChartPorts {
  readonly source: () => ChartSource;
  readonly zone: () => Zone;
  /** Start of the bucket under the crosshair, or null. */
  readonly onHover: (startsAtMs: number | null, by: "pointer" | "keys") => void;
  readonly onView: (view: ViewRange) => void;
  /** Whether an incomplete candle is in sight. */
  readonly onIncomplete: (inSight: boolean) => void;
  /** The oldest row came near the left edge. */
  readonly onNeedsOlder: () => void;
}

/** Width of a bucket when a chart is opened, CSS pixels. */
const BUCKET_PX = 5;
const BUCKET_PX_MAX = 40;
const BUCKETS_PER_PX_MAX = 10;
/** No market is older; without a limit a chart of months would reach to the Middle Ages. */
const SPAN_MS_MAX = 30 * 365 * 86_400_000;
const ROOM_SHARE = 0.06;
/** Rows whose digits tell the market's precision. */
const DIGITS_ROWS = 200;

/**
 * Candles and volumes on a uPlot: uPlot keeps scales, axes, crosshair and device pixels, the bars are filled by pixel
 * column. However much changes, it is drawn at most once a frame.
 */
export class CandleChart {
  readonly #root: HTMLElement;
  readonly #ports: ChartPorts;
  readonly #plot: uPlot;
  readonly #crosshair: Crosshair;
  readonly #stop = new AbortController();
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
    const options = plotOptions({
      width: Math.max(1, root.clientWidth),
      height: Math.max(1, root.clientHeight),
      palette: () => this.#palette,
      view: () => this.#view,
      priceRange: () => this.#priceRange(),
      volumeRange: () => this.#volumeRange(),
      timeStep: () =>
        axisStep(
          this.#view.toMs - this.#view.fromMs,
          this.#plotWidth() / TIME_LABEL_PX,
          this.#bucketMs(),
        ),
      offsetMs: () => countsDays(this.#interval()) ? 0 : ZONE_OFFSET_MS[ports.zone()],
      digits: () => this.#digits,
      paint: (plot) => this.#paint(plot),
    });
    this.#plot = new uPlot(options, [[0, 1], [null, null], [null, null]], root);
    this.#crosshair = new Crosshair(this.#plot);
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

  /** Where the pointer is, CSS pixels from the top. */
  get hoverY(): number {
    return this.#hoverY;
  }

  /** Shows what another chart shows; nobody is told. */
  show(view: ViewRange): void {
    this.#view = view;
    this.request();
  }

  /** Puts the crosshair where another chart has it; nobody is told. */
  pointAt(startsAtMs: number | null, y: number): void {
    this.#hovered = startsAtMs;
    this.#hoverY = y;
    this.#placeCrosshair();
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
    const middleMs = (this.#view.fromMs + this.#view.toMs) / 2;
    this.#look(zoomed(this.#view, factor, middleMs, this.#limits()));
  }

  destroy(): void {
    this.#stop.abort();
    cancelAnimationFrame(this.#frame);
    this.#plot.destroy();
  }

  #draw(): void {
    const { market, interval, series, beside, fit } = this.#ports.source();
    const shown = `${market} ${interval} ${fit?.fromMs} ${fit?.toMs}`;
    const limits = this.#limits();
    if (this.#shown !== shown) {
      this.#shown = shown;
      this.#hovered = null;
      this.#ports.onHover(null, "pointer");
      this.#look(
        fit === undefined
          ? viewAtHead(this.#plotWidth() / BUCKET_PX * this.#bucketMs(), limits)
          : { ...fit, follows: false },
      );
    } else if (this.#view.follows) {
      this.#look(advanced(this.#view, limits));
    }
    cancelAnimationFrame(this.#frame); // looking asked for the frame that is being drawn
    this.#frame = 0;
    this.#digits = Math.max(digitsOf(series), beside === undefined ? 0 : digitsOf(beside));
    this.#plot.setScale("x", { min: this.#view.fromMs, max: this.#view.toMs });
    this.#placeCrosshair();
    if (series.first !== undefined && this.#view.fromMs < series.first.startsAtMs) {
      this.#ports.onNeedsOlder();
    }
  }

  #paint(plot: uPlot): void {
    this.#drawnFrames++;
    const source = this.#ports.source();
    const [from, to] = this.#visible();
    drawChart(plot, source, this.#view, [from, to], this.#digits, this.#palette);
    this.#ports.onIncomplete(source.series.columns.incomplete.slice(from, to).includes(true));
  }

  #extremes(series: CandleSeries | undefined): Extremes {
    return series === undefined ? null : extremes(series.columns, ...this.#visible(series));
  }

  #visible(series = this.#ports.source().series): [number, number] {
    const from = series.lowerBound(this.#view.fromMs - this.#bucketMs());
    return [from, series.lowerBound(this.#view.toMs)];
  }

  #priceRange(): readonly [number, number] {
    const { series, beside } = this.#ports.source();
    const found = widest(this.#extremes(series), this.#extremes(beside));
    const last = series.columns.close.at(-1) ?? 1;
    const span = priceSpan(found?.low ?? last, found?.high ?? last, 10 ** -this.#digits);
    return [span.min, span.max];
  }

  #volumeRange(): readonly [number, number] {
    const { series, beside } = this.#ports.source();
    const found = widest(this.#extremes(series), this.#extremes(beside));
    const span = volumeSpan(found?.volume ?? 0);
    return [span.min, span.max];
  }

  #interval(): Interval {
    return this.#ports.source().interval;
  }

  #bucketMs(): number {
    return bucketLengthMs(this.#interval());
  }

  #plotWidth(): number {
    const width = this.#plot.over.clientWidth;
    return width > 0 ? width : Math.max(1, this.#root.clientWidth - 80);
  }

  #limits(): ViewLimits {
    const bucketMs = this.#bucketMs();
    const width = this.#plotWidth();
    const spanMsMin = width / BUCKET_PX_MAX * bucketMs;
    return {
      spanMsMin,
      spanMsMax: Math.max(spanMsMin, Math.min(width * BUCKETS_PER_PX_MAX * bucketMs, SPAN_MS_MAX)),
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
    this.#point(bucketStartMs(this.#interval(), timeMs));
  }

  /** Keyboard: the crosshair moves by buckets; the view follows it. */
  #step(by: number): void {
    const { interval, series } = this.#ports.source();
    const last = series.last?.startsAtMs;
    if (last === undefined) return;
    const next = bucketSteps(interval, this.#hovered ?? last, by);
    const bucketMs = this.#bucketMs();
    this.#hoverY = this.#plot.over.clientHeight / 3;
    const before = this.#view.fromMs + bucketMs - next;
    const after = next + 2 * bucketMs - this.#view.toMs;
    if (before > 0) this.#look(panned(this.#view, -before, this.#limits()));
    else if (after > 0) this.#look(panned(this.#view, after, this.#limits()));
    this.#point(next, "keys");
  }

  #point(startsAtMs: number | null, by: "pointer" | "keys" = "pointer"): void {
    if (this.#hovered !== startsAtMs) {
      this.#hovered = startsAtMs;
      this.#ports.onHover(startsAtMs, by);
    }
    this.#placeCrosshair();
  }

  #placeCrosshair(): void {
    if (this.#hovered === null) return this.#crosshair.place(null);
    const interval = this.#interval();
    const middleMs = bucketMiddleMs(interval, this.#hovered);
    this.#crosshair.place({
      leftPx: (middleMs - this.#view.fromMs) / this.#msPerPx(),
      topPx: this.#hoverY,
      time: crosshairTime(interval, this.#hovered, this.#ports.zone()),
      price: axisNumber(this.#plot.posToVal(this.#hoverY, "price"), this.#digits),
    });
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

type Extremes = ReturnType<typeof extremes>;

function widest(a: Extremes, b: Extremes): Extremes {
  if (a === null || b === null) return a ?? b;
  return {
    low: Math.min(a.low, b.low),
    high: Math.max(a.high, b.high),
    volume: Math.max(a.volume, b.volume),
  };
}

function digitsOf(series: CandleSeries): number {
  let digits = 0;
  for (let at = Math.max(0, series.length - DIGITS_ROWS); at < series.length; at++) {
    digits = Math.max(digits, fractionDigitsOf(series.row(at)!.close));
  }
  return Math.min(digits, 10);
}
