import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { market } from "#core/market.ts";
import { type HeldCandle, TailRing } from "./tail_ring.ts";

const BTC = market("KRW-BTC");

function held(offset: number, startsAtMs: number, receivedAtMs: number): HeldCandle {
  return { market: BTC, startsAtMs, receivedAtMs, offset: BigInt(offset), data: `${offset}` };
}

const offsets = (ring: TailRing): number[] =>
  [...ring.values()].map(({ offset }) => Number(offset));

describe("TailRing", () => {
  test("holds what is young, and what is old but not stored", () => {
    const ring = new TailRing(100);
    ring.beginsAt(0);
    for (let at = 0; at < 5; at++) ring.add(held(at, at * 1_000, at * 1_000));
    ring.prune(3_000);
    expect(offsets(ring)).toEqual([0, 1, 2, 3, 4]);
    ring.committed(2n);
    ring.prune(3_000);
    expect(offsets(ring)).toEqual([2, 3, 4]);
    expect(ring.sinceMs).toBe(1_001);
    ring.committed(5n);
    ring.prune(3_000);
    expect(offsets(ring)).toEqual([3, 4]);
    expect(ring.sinceMs).toBe(2_001);
  });

  test("a newer revision takes the place of the older one, at its own offset", () => {
    const ring = new TailRing(100);
    ring.add(held(0, 0, 0));
    ring.add(held(1, 1_000, 1_000));
    ring.add(held(2, 0, 1_500));
    expect(offsets(ring)).toEqual([1, 2]);
  });

  test("above its limit the oldest gives way, and the promise says so", () => {
    const ring = new TailRing(2);
    ring.beginsAt(0);
    expect(ring.add(held(0, 0, 10))).toBe(0);
    expect(ring.add(held(1, 1_000, 1_010))).toBe(0);
    expect(ring.add(held(2, 2_000, 2_010))).toBe(1);
    expect(ring.sinceMs).toBe(11);
    // a mark read only now knows nothing of what was dropped meanwhile
    ring.beginsAt(5);
    expect(ring.sinceMs).toBe(11);
  });

  test("a committed offset never goes back", () => {
    const ring = new TailRing(10);
    ring.committed(5n);
    ring.committed(1n);
    ring.add(held(3, 0, 0));
    ring.prune(1);
    expect(ring.size).toBe(0);
  });

  test("every second received at or after sinceMs is held with its newest revision, whatever happens", () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("add" as const),
        second: fc.nat(20),
        lateMs: fc.nat(5_000),
      }),
      fc.record({ kind: fc.constant("prune" as const), beforeMs: fc.nat(40_000) }),
      fc.record({ kind: fc.constant("committed" as const), offset: fc.nat(60) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 12 }), (
      steps,
      rowsMax,
    ) => {
      const ring = new TailRing(rowsMax);
      ring.beginsAt(0);
      const newest = new Map<number, HeldCandle>();
      let offset = 0;
      for (const step of steps) {
        if (step.kind === "add") {
          const candle = held(offset++, step.second * 1_000, step.second * 1_000 + step.lateMs);
          newest.set(step.second, candle);
          ring.add(candle);
        } else if (step.kind === "prune") ring.prune(step.beforeMs);
        else ring.committed(BigInt(step.offset));
        const there = new Set(offsets(ring));
        for (const candle of newest.values()) {
          if (candle.receivedAtMs >= ring.sinceMs!) {
            expect(there.has(Number(candle.offset))).toBe(true);
          }
        }
        expect(ring.size).toBeLessThanOrEqual(rowsMax);
      }
    }));
  });
});
