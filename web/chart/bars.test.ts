import fc from "fast-check";
import { expect, test } from "vitest";
import { type BarGeometry, barRects, extremes } from "./bars.ts";
import { priceSpan, priceSplits } from "./price_scale.ts";

function columns(bars: readonly (readonly [number, number, number, number, number])[]) {
  return {
    startsAtMs: bars.map((_, at) => at * 1_000),
    open: bars.map(([open]) => open),
    high: bars.map(([, high]) => high),
    low: bars.map(([, , low]) => low),
    close: bars.map(([, , , close]) => close),
    volume: bars.map(([, , , , volume]) => volume),
    incomplete: bars.map(() => false),
  };
}

function geometry(bucketPx: number): BarGeometry {
  return {
    fromMs: 0,
    pxPerMs: bucketPx / 1_000,
    leftPx: 0,
    bucketMs: 1_000,
    middleMs: (startsAtMs) => startsAtMs + 500,
    priceToPx: (price) => 400 - price,
    volumeToPx: (volume) => 500 - volume,
    basePx: 500,
  };
}

test("a risen candle has a body from open to close and a wick from high to low", () => {
  const { candles, volumes } = barRects(columns([[100, 130, 90, 120, 40]]), 0, 1, geometry(8));
  const [fallen, even, risen] = candles;
  expect([fallen, even]).toEqual([[], []]);
  const [wickX, wickY, wickW, wickH, bodyX, bodyY, bodyW, bodyH] = risen;
  expect([wickY, wickH, bodyY, bodyH]).toEqual([270, 40, 280, 20]);
  expect(wickX! + wickW! / 2).toBe(bodyX! + bodyW! / 2);
  expect(volumes[2].slice(1)).toEqual([460, bodyW, 40]);
});

test("a flat candle is coloured by the close before it, and is at least a pixel high", () => {
  const flat = columns([[100, 100, 100, 100, 1], [101, 101, 101, 101, 1], [99, 99, 99, 99, 1]]);
  const { candles } = barRects(flat, 0, 3, geometry(8));
  expect(candles.map((rects) => rects.length / 4)).toEqual([1, 1, 1]);
  for (const rects of candles) expect(rects[3]).toBe(1);
});

test("below two pixels a bar, each pixel column is filled at most once and spans its rows", () => {
  const bar = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 })).map(
    ([open, close]) => [open, Math.max(open, close) + 3, Math.min(open, close), close, 5] as const,
  );
  fc.assert(fc.property(
    fc.array(bar, { minLength: 1, maxLength: 200 }),
    fc.double({ min: 0.01, max: 1.9, noNaN: true }),
    (bars, bucketPx) => {
      const all = columns(bars);
      const { candles } = barRects(all, 0, bars.length, geometry(bucketPx));
      const xs = candles.flatMap((rects) => rects.filter((_, at) => at % 4 === 0));
      expect(new Set(xs).size).toBe(xs.length);
      expect(xs.length).toBeLessThanOrEqual(Math.ceil(bars.length * bucketPx) + 1);
      const tops = candles.flatMap((rects) => rects.filter((_, at) => at % 4 === 1));
      expect(Math.min(...tops)).toBe(400 - extremes(all, 0, bars.length)!.high);
    },
  ));
});

test("an incomplete candle is hollow, or faint where there is no room for that", () => {
  const risen = { ...columns([[100, 130, 90, 120, 40]]), incomplete: [true] };
  const filled = (rects: readonly number[], x: number, y: number): boolean =>
    rects.some((left, at) =>
      at % 4 === 0 && x >= left && x < left + rects[at + 2]! &&
      y >= rects[at + 1]! && y < rects[at + 1]! + rects[at + 3]!
    );
  const body = barRects(risen, 0, 1, geometry(16)).candles[2];
  const middleX = 8;
  expect([275, 280, 290, 299, 305].map((y) => filled(body, middleX, y)))
    .toEqual([true, true, false, true, true]); // wick, upper edge, nothing, lower edge, wick
  for (const bucketPx of [3, 0.5]) {
    const { candles, faint } = barRects(risen, 0, 1, geometry(bucketPx));
    expect(candles.flat()).toEqual([]);
    expect(faint[2].length).toBeGreaterThan(0);
  }
});

test("prices stay above the volume area, and no label is finer than the market's last digit", () => {
  const { min, max } = priceSpan(100, 110, 1);
  expect((100 - min) / (max - min)).toBeCloseTo(0.25, 6);
  expect(max).toBeGreaterThan(110);
  expect(priceSplits(100, 103, 20, 0)).toEqual([100, 101, 102, 103]);
  expect(priceSplits(0.1, 0.4, 3, 1)).toEqual([0.1, 0.2, 0.3, 0.4]);
});
