import fc from "fast-check";
import { expect, test } from "vitest";
import { RateLimit } from "./rate_limit.ts";
import { CONNECT_LIMIT } from "./reconnect.ts";

test("no window holds more than the limit, however impatiently it is asked", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 200 }),
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: 1, max: 2_000 }),
    (pausesMs, max, windowMs) => {
      const limit = new RateLimit({ max, windowMs });
      const taken: number[] = [];
      let nowMs = 0;
      for (const pauseMs of pausesMs) {
        nowMs += pauseMs;
        nowMs += limit.waitMs(nowMs);
        expect(limit.waitMs(nowMs)).toBe(0);
        limit.take(nowMs);
        taken.push(nowMs);
      }
      for (const [index, atMs] of taken.entries()) {
        const inWindow = taken.slice(index).filter((other) => other < atMs + windowMs);
        expect(inWindow.length).toBeLessThanOrEqual(max);
      }
    },
  ));
});

test("it does not wait longer than needed", () => {
  const limit = new RateLimit({ max: 2, windowMs: 1_000 });
  limit.take(0);
  expect(limit.waitMs(10)).toBe(0);
  limit.take(10);
  expect(limit.waitMs(300)).toBe(700);
  expect(limit.waitMs(1_000)).toBe(0);
});

test("taking without asking is our bug", () => {
  const limit = new RateLimit({ max: 1, windowMs: 1_000 });
  limit.take(0);
  expect(() => limit.take(999)).toThrow("the limit was asked");
});

test("our connects leave more than half of the exchange's 5 a second to others", () => {
  expect(CONNECT_LIMIT.max).toBeLessThanOrEqual(2);
  expect(CONNECT_LIMIT.windowMs).toBeGreaterThan(1_000);
});
