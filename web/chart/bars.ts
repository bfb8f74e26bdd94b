import type { DrawColumns } from "../model/candle_series.ts";

/** Which way a bar went: its own close against its open, or for a flat one against the close before it. */
export type Direction = -1 | 0 | 1;

/** Where things are on the canvas, in device pixels. */
export interface BarGeometry {
  /** Time at the left edge, and device pixels per ms. */
  readonly fromMs: number;
  readonly pxPerMs: number;
  readonly leftPx: number;
  /** Length of one bucket, and the middle of the one that starts then. */
  readonly bucketMs: number;
  readonly middleMs: (startsAtMs: number) => number;
  readonly priceToPx: (price: number) => number;
  readonly volumeToPx: (volume: number) => number;
  /** Bottom of the volume area. */
  readonly basePx: number;
}

/** Rectangles of one colour: x, y, width, height, one after the other. */
export type Rects = number[];

export interface BarRects {
  /** By direction + 1: fallen, unchanged, risen. */
  readonly candles: readonly [Rects, Rects, Rects];
  readonly volumes: readonly [Rects, Rects, Rects];
  /** Incomplete candles and their volumes, where there is no room to draw them hollow. */
  readonly faint: readonly [Rects, Rects, Rects];
}

/** Below this bucket width (device px) several buckets share a pixel column. */
const SEPARATE_PX_MIN = 2;

/** An outline needs a body as wide as this (device px). */
const HOLLOW_PX_MIN = 3;

/**
 * The rows [from, to) as rectangles: body and wick while there is room, else one column of pixels for all the rows in it.
 * Rectangles and not one path: a Path2D of all bars took 218 ms a frame where filled pixel columns took 5 ms.
 */
export function barRects(
  columns: DrawColumns,
  from: number,
  to: number,
  geometry: BarGeometry,
): BarRects {
  const widthPx = geometry.bucketMs * geometry.pxPerMs;
  return widthPx >= SEPARATE_PX_MIN
    ? separateBars(columns, from, to, geometry, widthPx)
    : pixelColumns(columns, from, to, geometry);
}

function separateBars(
  columns: DrawColumns,
  from: number,
  to: number,
  geometry: BarGeometry,
  widthPx: number,
): BarRects {
  const rects = emptyRects();
  const gapPx = widthPx < 4 ? 0.5 : widthPx * 0.24;
  const bodyPx = Math.max(1, Math.floor(widthPx - gapPx));
  // wick and body share their centre only when both are odd or both are even
  const wickPx = bodyPx < 3 ? Math.min(1, bodyPx) : widthPx >= 24 ? 2 - bodyPx % 2 : 1;
  const evenBodyPx = bodyPx >= 3 && (bodyPx - wickPx) % 2 !== 0 ? bodyPx - 1 : bodyPx;
  for (let at = from; at < to; at++) {
    const centerPx = geometry.leftPx +
      (geometry.middleMs(columns.startsAtMs[at]!) - geometry.fromMs) * geometry.pxPerMs;
    const x = Math.round(centerPx - evenBodyPx / 2);
    const side = directionAt(columns, at) + 1;
    const incomplete = columns.incomplete[at]!;
    const faint = incomplete && evenBodyPx < HOLLOW_PX_MIN;
    const candle = faint ? rects.faint[side]! : rects.candles[side]!;
    const volume = faint ? rects.faint[side]! : rects.volumes[side]!;
    const highPx = Math.round(geometry.priceToPx(columns.high[at]!));
    const lowPx = Math.round(geometry.priceToPx(columns.low[at]!));
    const openPx = Math.round(geometry.priceToPx(columns.open[at]!));
    const closePx = Math.round(geometry.priceToPx(columns.close[at]!));
    const topPx = Math.min(openPx, closePx);
    const bodyHeightPx = Math.max(1, Math.abs(openPx - closePx));
    const wickX = x + (evenBodyPx - wickPx) / 2;
    if (incomplete && !faint) {
      const bottomPx = topPx + bodyHeightPx;
      if (topPx > highPx) candle.push(wickX, highPx, wickPx, topPx - highPx);
      if (lowPx > bottomPx) candle.push(wickX, bottomPx, wickPx, lowPx - bottomPx);
      pushOutline(candle, x, topPx, evenBodyPx, bodyHeightPx);
    } else {
      if (lowPx - highPx > bodyHeightPx) candle.push(wickX, highPx, wickPx, lowPx - highPx);
      candle.push(x, topPx, evenBodyPx, bodyHeightPx);
    }
    pushVolume(volume, x, evenBodyPx, columns.volume[at]!, geometry);
  }
  return rects;
}

/** A hollow body: four edges, or all of it where nothing would be left inside. */
function pushOutline(
  rects: Rects,
  x: number,
  y: number,
  widthPx: number,
  heightPx: number,
): void {
  const edgePx = widthPx >= 10 ? 2 : 1;
  if (heightPx <= 2 * edgePx) {
    rects.push(x, y, widthPx, heightPx);
    return;
  }
  const innerPx = heightPx - 2 * edgePx;
  rects.push(x, y, widthPx, edgePx, x, y + heightPx - edgePx, widthPx, edgePx);
  rects.push(x, y + edgePx, edgePx, innerPx);
  rects.push(x + widthPx - edgePx, y + edgePx, edgePx, innerPx);
}

function pixelColumns(
  columns: DrawColumns,
  from: number,
  to: number,
  geometry: BarGeometry,
): BarRects {
  const rects = emptyRects();
  let at = from;
  while (at < to) {
    const x = columnPx(columns, at, geometry);
    const first = at;
    let high = -Infinity;
    let low = Infinity;
    let volume = 0;
    let incomplete = false;
    while (at < to && columnPx(columns, at, geometry) === x) {
      high = Math.max(high, columns.high[at]!);
      low = Math.min(low, columns.low[at]!);
      volume = Math.max(volume, columns.volume[at]!);
      incomplete ||= columns.incomplete[at]!;
      at++;
    }
    const moved = Math.sign(columns.close[at - 1]! - columns.open[first]!) as Direction;
    const side = (moved === 0 ? directionAt(columns, at - 1) : moved) + 1;
    const highPx = Math.round(geometry.priceToPx(high));
    const lowPx = Math.round(geometry.priceToPx(low));
    const candle = incomplete ? rects.faint[side]! : rects.candles[side]!;
    candle.push(x, highPx, 1, Math.max(1, lowPx - highPx));
    pushVolume(rects.volumes[side]!, x, 1, volume, geometry);
  }
  return rects;
}

function columnPx(columns: DrawColumns, at: number, geometry: BarGeometry): number {
  const middleMs = geometry.middleMs(columns.startsAtMs[at]!);
  return Math.floor(geometry.leftPx + (middleMs - geometry.fromMs) * geometry.pxPerMs);
}

function pushVolume(
  rects: Rects,
  x: number,
  widthPx: number,
  volume: number,
  geometry: BarGeometry,
): void {
  if (volume <= 0) return;
  const topPx = Math.min(Math.round(geometry.volumeToPx(volume)), geometry.basePx - 1);
  rects.push(x, topPx, widthPx, geometry.basePx - topPx);
}

export function directionAt(columns: DrawColumns, at: number): Direction {
  const close = columns.close[at]!;
  const own = Math.sign(close - columns.open[at]!) as Direction;
  if (own !== 0 || at === 0) return own;
  return Math.sign(close - columns.close[at - 1]!) as Direction;
}

/** Lowest low, highest high and greatest volume of the rows [from, to); null without rows. */
export function extremes(
  columns: DrawColumns,
  from: number,
  to: number,
): { readonly low: number; readonly high: number; readonly volume: number } | null {
  if (from >= to) return null;
  let low = Infinity;
  let high = -Infinity;
  let volume = 0;
  for (let at = from; at < to; at++) {
    low = Math.min(low, columns.low[at]!);
    high = Math.max(high, columns.high[at]!);
    volume = Math.max(volume, columns.volume[at]!);
  }
  return { low, high, volume };
}

function emptyRects(): BarRects {
  return { candles: [[], [], []], volumes: [[], [], []], faint: [[], [], []] };
}
