import { describe, expect, test } from "vitest";
import { isOutside, stretchAround } from "./gap_view.ts";

const NOW_MS = 10_000_000;

describe("stretchAround()", () => {
  test("is the view and as much on each side, but nothing ahead of now", () => {
    expect(stretchAround(4_000_000, 5_000_000, NOW_MS))
      .toEqual({ sinceMs: 3_000_000, untilMs: 6_000_000 });
    expect(stretchAround(9_000_000, 10_100_000, NOW_MS))
      .toEqual({ sinceMs: 7_900_000, untilMs: NOW_MS });
  });

  test("is null where all lies ahead, and at most what the server answers", () => {
    expect(stretchAround(NOW_MS + 5_000, NOW_MS + 6_000, NOW_MS)).toBeNull();
    const years = 3_000 * 86_400_000;
    const { sinceMs, untilMs } = stretchAround(0, years, years)!;
    expect(untilMs - sinceMs).toBe(399 * 86_400_000);
    expect(isOutside({ sinceMs, untilMs }, 0, years)).toBe(false);
  });
});

test("isOutside() asks again for an older time and for one behind the answer, not as time goes on", () => {
  const held = { sinceMs: 1_000, untilMs: 9_000 };
  expect(isOutside(null, 2_000, 3_000)).toBe(true);
  expect(isOutside(held, 500, 3_000)).toBe(true);
  expect(isOutside(held, 9_500, 12_000)).toBe(true);
  expect(isOutside(held, 5_000, 12_000)).toBe(false);
});
