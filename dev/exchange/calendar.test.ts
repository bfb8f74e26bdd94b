import { expect, test } from "vitest";
import { bucketEndMs, bucketStartMs, kstText, type Unit, utcText } from "./calendar.ts";

const at = Date.UTC(2026, 10, 22, 15, 47, 33, 250); // a Sunday

test.each<[Unit, string, string]>([
  ["s", "2026-11-22T15:47:33", "2026-11-22T15:47:34"],
  [3, "2026-11-22T15:45:00", "2026-11-22T15:48:00"],
  [240, "2026-11-22T12:00:00", "2026-11-22T16:00:00"],
  ["d", "2026-11-22T00:00:00", "2026-11-23T00:00:00"],
  ["w", "2026-11-16T00:00:00", "2026-11-23T00:00:00"],
  ["mo", "2026-11-01T00:00:00", "2026-12-01T00:00:00"],
  ["y", "2026-01-01T00:00:00", "2027-01-01T00:00:00"],
])(
  "bucketStartMs() puts a moment into its %s on the UTC grid, weeks from Monday",
  (unit, start, end) => {
    const startMs = bucketStartMs(unit, at);
    expect([utcText(startMs), utcText(bucketEndMs(unit, startMs))]).toEqual([start, end]);
  },
);

test("kstText() is nine hours ahead, without a zone", () => {
  expect(kstText(Date.UTC(2025, 0, 2, 4, 28, 5))).toBe("2025-01-02T13:28:05");
});
