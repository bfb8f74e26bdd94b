import fc from "fast-check";
import { expect, test } from "vitest";
import { bucketSteps } from "./buckets.ts";
import { headMs } from "./head.ts";
import { advanced, panned, viewAtHead, type ViewLimits, zoomed } from "./view_range.ts";

const limits = (headMs: number): ViewLimits => ({
  spanMsMin: 20_000,
  spanMsMax: 10_000_000,
  headMs,
  roomShare: 0.06,
});

test("a bar that arrives moves a view that follows, and leaves one alone that was moved or zoomed", () => {
  const following = viewAtHead(200_000, limits(1e9));
  expect(advanced(following, limits(1e9 + 5_000)).toMs).toBe(following.toMs + 5_000);
  const away = zoomed(panned(following, -500_000, limits(1e9)), 0.5, 1e9 - 600_000, limits(1e9));
  expect(away.follows).toBe(false);
  expect(advanced(away, limits(1e9 + 5_000))).toBe(away);
});

test("zooming keeps the time under the pointer where it is", () => {
  fc.assert(fc.property(
    fc.double({ min: 0.2, max: 5, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    (factor, share) => {
      const view = panned(viewAtHead(200_000, limits(1e9)), -5_000_000, limits(1e9));
      const anchorMs = view.fromMs + share * (view.toMs - view.fromMs);
      const next = zoomed(view, factor, anchorMs, limits(1e9));
      const shareNow = (anchorMs - next.fromMs) / (next.toMs - next.fromMs);
      expect(shareNow).toBeCloseTo(share, 6);
      expect(next.toMs - next.fromMs).toBeCloseTo(200_000 * factor, 3);
    },
  ));
});

test("the span stays within its limits", () => {
  const view = panned(viewAtHead(200_000, limits(1e9)), -5_000_000, limits(1e9));
  const near = zoomed(view, 1e-6, view.fromMs, limits(1e9));
  const far = zoomed(view, 1e6, view.fromMs, limits(1e9));
  expect(near.toMs - near.fromMs).toBeCloseTo(20_000, 3);
  expect(far.toMs - far.fromMs).toBeCloseTo(10_000_000, 3);
});

test("panning back to the head follows again; panning away never does", () => {
  const away = panned(viewAtHead(200_000, limits(1e9)), -1_000, limits(1e9));
  expect(away.follows).toBe(false);
  expect(panned(away, 1_000, limits(1e9)).follows).toBe(true);
});

test("steps by buckets miss no month, and a quiet minute is still in sight", () => {
  const months = [0, 1, 2, 3].map((by) => bucketSteps("1mo", Date.UTC(2026, 0, 1), by));
  expect(months).toEqual([0, 1, 2, 3].map((month) => Date.UTC(2026, month, 1)));
  expect(bucketSteps("1mo", Date.UTC(2026, 2, 1), -1)).toBe(Date.UTC(2026, 1, 1));
  const minute = 60_000;
  expect(headMs("1m", 10 * minute, 13 * minute + 5)).toBe(14 * minute);
  expect(headMs("1m", 10 * minute, 500 * minute)).toBe(11 * minute);
});
