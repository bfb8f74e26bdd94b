import fc from "fast-check";
import { expect, test } from "vitest";
import { ended, FRESH, retryInMs, type RetryState, STABLE_MS } from "./reconnect.ts";

const lost = { refused: false, upMs: 0 };
const refused = { refused: true, upMs: 500 };
const after = (ends: readonly Parameters<typeof ended>[1][]): RetryState =>
  ends.reduce(ended, FRESH);

test("the first connect is at once, the first retry within 200 ms", () => {
  expect(retryInMs(FRESH, 0.99)).toBe(0);
  expect(retryInMs(after([lost]), 0.99)).toBeLessThanOrEqual(200);
});

test("an exchange that is away for hours is asked at least every 1.5 s: live within 2 s of its return", () => {
  const away = Array.from({ length: 5_000 }, () => lost);
  expect(retryInMs(after(away), 0.999)).toBeLessThanOrEqual(1_500);
  expect(retryInMs(after(away), 0)).toBeGreaterThanOrEqual(750);
});

test("a refusal is answered with patience, growing to a minute", () => {
  expect(retryInMs(after([refused]), 0)).toBeGreaterThanOrEqual(1_000);
  expect(retryInMs(after([refused, refused, refused, refused, refused, refused]), 0.999))
    .toBeGreaterThan(55_000);
  expect(retryInMs(after(Array.from({ length: 99 }, () => refused)), 0.999))
    .toBeLessThanOrEqual(60_000);
});

test("only a connection that was stable for a while begins a new row", () => {
  const short = { refused: false, upMs: STABLE_MS - 1 };
  expect(after([lost, lost, short]).attempt).toBe(3);
  expect(after([lost, lost, { refused: false, upMs: STABLE_MS }]).attempt).toBe(1);
});

test("whatever happens, no retry is immediate", () => {
  const end = fc.record({ refused: fc.boolean(), upMs: fc.integer({ min: 0, max: 50 }) });
  fc.assert(
    fc.property(
      fc.array(end, { maxLength: 50 }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      (ends, chance) => {
        let state = FRESH;
        for (const one of ends) {
          state = ended(state, one);
          expect(retryInMs(state, chance)).toBeGreaterThanOrEqual(100);
        }
      },
    ),
  );
});
