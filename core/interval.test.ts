import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bucketEndMs,
  bucketStartMs,
  FOLDED_FROM,
  type Interval,
  interval,
  INTERVALS,
} from "./interval.ts";

const at = (iso: string): number => Date.parse(iso);
const iso = (ms: number): string => new Date(ms).toISOString();
/** 1900 to 2200. */
const time = fc.integer({ min: -2_208_988_800_000, max: 7_258_118_400_000 });
const anyInterval = fc.constantFrom(...INTERVALS);

describe("bucketStartMs() lies on the exchange's grid", () => {
  test.each<[Interval, string, string]>([
    ["1s", "2026-11-22T15:47:03.999Z", "2026-11-22T15:47:03.000Z"],
    ["3m", "2026-11-22T15:47:03.999Z", "2026-11-22T15:45:00.000Z"],
    ["10m", "2026-11-22T15:47:03.999Z", "2026-11-22T15:40:00.000Z"],
    ["4h", "2026-11-22T15:47:03.999Z", "2026-11-22T12:00:00.000Z"],
    ["1d", "2026-11-22T23:59:59.999Z", "2026-11-22T00:00:00.000Z"],
    ["1w", "2026-11-22T23:59:59.999Z", "2026-11-16T00:00:00.000Z"],
    ["1w", "2026-11-23T00:00:00.000Z", "2026-11-23T00:00:00.000Z"],
    ["1mo", "2024-02-29T12:00:00.000Z", "2024-02-01T00:00:00.000Z"],
    ["1mo", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"],
    ["1w", "1969-12-31T00:00:00.000Z", "1969-12-29T00:00:00.000Z"],
  ])("%s of %s", (interval, time, start) => {
    expect(iso(bucketStartMs(interval, at(time)))).toBe(start);
  });

  test("a week starts on Monday, a month on the first, all at 00:00 UTC", () => {
    fc.assert(fc.property(time, (ms) => {
      const week = new Date(bucketStartMs("1w", ms));
      expect([week.getUTCDay(), week.getTime() % 86_400_000 === 0]).toEqual([1, true]);
      const month = new Date(bucketStartMs("1mo", ms));
      expect([month.getUTCDate(), month.getTime() % 86_400_000 === 0]).toEqual([1, true]);
    }));
  });
});

test("each time lies in exactly one bucket, and buckets tile", () => {
  fc.assert(fc.property(anyInterval, time, (interval, ms) => {
    const start = bucketStartMs(interval, ms);
    const end = bucketEndMs(interval, start);
    expect(start <= ms && ms < end).toBe(true);
    expect(bucketStartMs(interval, start)).toBe(start);
    expect(bucketStartMs(interval, end - 1)).toBe(start);
    expect(bucketStartMs(interval, end)).toBe(end);
  }));
});

test("the buckets of the level below tile each bucket, so that a fold loses and doubles nothing", () => {
  fc.assert(fc.property(anyInterval, time, (parent, ms) => {
    fc.pre(parent !== "1s");
    const child = FOLDED_FROM[parent as Exclude<Interval, "1s">];
    const start = bucketStartMs(parent, ms);
    const end = bucketEndMs(parent, start);
    expect(bucketStartMs(child, start)).toBe(start);
    expect(bucketStartMs(child, end)).toBe(end);
    expect(INTERVALS.indexOf(child)).toBeLessThan(INTERVALS.indexOf(parent));
  }));
});

test("interval() names what it knows", () => {
  expect(interval("1mo")).toBe("1mo");
  expect(() => interval("2m")).toThrow('"2m" is not an interval; use one of 1s, 1m,');
});
