import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

const plan = { firstMs: 200, maxMs: 1_500 };

test("backoffMs() doubles up to the cap", () => {
  expect([1, 2, 3, 4, 5, 99].map((attempt) => backoffMs(plan, attempt, 0.999999))).toEqual(
    [200, 400, 800, 1_500, 1_500, 1_500],
  );
  expect([1, 2, 3, 4].map((attempt) => backoffMs(plan, attempt, 0))).toEqual([100, 200, 400, 750]);
});

test("backoffMs() never leaves [half, all] of the ceiling, for any attempt and chance", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 10_000 }),
    fc.integer({ min: 1, max: 100_000 }),
    fc.tuple(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e7 })),
    (attempt, chancePart, [firstMs, maxMs]) => {
      const ms = backoffMs({ firstMs, maxMs }, attempt, chancePart / 100_001);
      const ceilingMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
      expect(ms).toBeGreaterThanOrEqual(Math.floor(ceilingMs / 2));
      expect(ms).toBeLessThanOrEqual(ceilingMs);
    },
  ));
});

test("backoffMs() refuses attempt 0, which is no retry", () => {
  expect(() => backoffMs(plan, 0, 0)).toThrow("attempts count from 1");
});
