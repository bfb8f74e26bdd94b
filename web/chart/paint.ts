import type { BarRects, Direction } from "./bars.ts";
import type { Palette } from "./palette.ts";
import { PRICE_BOTTOM_SHARE } from "./price_scale.ts";

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const VOLUME_ALPHA = 0.42;
const FAINT_ALPHA = 0.5;

export function drawBars(
  ctx: CanvasRenderingContext2D,
  { candles, volumes, faint }: BarRects,
  palette: Palette,
): void {
  const colors = [palette.down, palette.even, palette.up];
  for (let side = 0; side < 3; side++) {
    ctx.fillStyle = colors[side]!;
    ctx.globalAlpha = VOLUME_ALPHA;
    fillRects(ctx, volumes[side]!);
    ctx.globalAlpha = FAINT_ALPHA;
    fillRects(ctx, faint[side]!);
    ctx.globalAlpha = 1;
    fillRects(ctx, candles[side]!);
  }
}

function fillRects(ctx: CanvasRenderingContext2D, rects: readonly number[]): void {
  for (let at = 0; at < rects.length; at += 4) {
    ctx.fillRect(rects[at]!, rects[at + 1]!, rects[at + 2]!, rects[at + 3]!);
  }
}

/** The line between prices and volumes. */
export function drawVolumeLine(ctx: CanvasRenderingContext2D, box: Box, palette: Palette): void {
  const y = Math.round(box.top + box.height * (1 - PRICE_BOTTOM_SHARE + 0.05));
  ctx.fillStyle = palette.grid;
  ctx.fillRect(box.left, y, box.width, 1);
}

/** A dotted line at the last price and its label on the axis. */
export function drawLastPrice(
  ctx: CanvasRenderingContext2D,
  box: Box,
  yPx: number,
  text: string,
  direction: Direction,
  palette: Palette,
  fontPx: number,
): void {
  const ratio = devicePixelRatio;
  const color = direction > 0 ? palette.up : direction < 0 ? palette.down : palette.even;
  const y = Math.round(yPx);
  ctx.save();
  ctx.fillStyle = color;
  ctx.globalAlpha = 0.75;
  const dash = Math.round(2 * ratio);
  for (let x = box.left; x < box.left + box.width; x += dash * 2) ctx.fillRect(x, y, dash, 1);
  ctx.globalAlpha = 1;
  ctx.font = `600 ${fontPx * ratio}px ${palette.font}`;
  const height = Math.round(18 * ratio);
  const left = box.left + box.width;
  const width = Math.round(ctx.measureText(text).width + 12 * ratio);
  ctx.beginPath();
  ctx.roundRect(left + ratio, y - height / 2, width, height, 3 * ratio);
  ctx.fill();
  ctx.fillStyle = palette.onColor;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  ctx.fillText(text, left + 7 * ratio, y + ratio / 2);
  ctx.restore();
}

/** A time that cannot be taken for a quiet market, device pixels. */
export interface Band {
  readonly fromPx: number;
  readonly toPx: number;
  readonly text: string;
  readonly color: string;
  /** Of the ground under the hatching; 0 for none. */
  readonly tint: number;
}

/** Narrower, a band would be lost among the bars (CSS pixels). */
const BAND_PX_MIN = 2;

/** Hatched, and named where there is room. */
export function drawBand(
  ctx: CanvasRenderingContext2D,
  box: Box,
  { fromPx, toPx, text, color, tint }: Band,
  palette: Palette,
): void {
  const ratio = devicePixelRatio;
  const left = Math.max(box.left, Math.floor(fromPx));
  const right = Math.min(
    box.left + box.width,
    Math.max(Math.round(toPx), Math.floor(fromPx) + Math.round(BAND_PX_MIN * ratio)),
  );
  if (right <= left) return;
  ctx.save();
  if (tint > 0) {
    ctx.fillStyle = color;
    ctx.globalAlpha = tint;
    ctx.fillRect(left, box.top, right - left, box.height);
  }
  ctx.beginPath();
  ctx.rect(left, box.top, right - left, box.height);
  ctx.clip();
  ctx.strokeStyle = color;
  ctx.globalAlpha = 0.3;
  ctx.lineWidth = ratio;
  const step = 9 * ratio;
  ctx.beginPath();
  for (let x = left - box.height; x < right; x += step) {
    ctx.moveTo(x, box.top + box.height);
    ctx.lineTo(x + box.height, box.top);
  }
  ctx.stroke();
  ctx.globalAlpha = 1;
  ctx.fillStyle = color;
  ctx.font = `${11 * ratio}px ${palette.font}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  if (ctx.measureText(text).width + 8 * ratio < right - left) {
    ctx.fillText(text, (left + right) / 2, box.top + 10 * ratio);
  }
  ctx.restore();
}
