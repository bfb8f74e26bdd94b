import fc from "fast-check";
import { expect, test } from "vitest";
import { mergeWork } from "./work.ts";
import { secondRecord, workOf } from "./testing/records.ts";

const spec = fc.record({
  market: fc.constantFrom("KRW-BTC", "KRW-ETH", "BTC-ETH"),
  at: fc.integer({ min: 0, max: 5 }),
  volume: fc.constantFrom("1", "2", "10", "0.5"),
  tickMs: fc.integer({ min: 0, max: 3 }),
});

test("mergeWork() keeps each second once, its newest revision, sorted by key, however batches are grouped", () => {
  fc.assert(
    fc.property(
      fc.array(spec, { maxLength: 40 }),
      fc.integer({ min: 0, max: 40 }),
      (specs, cut) => {
        const works = specs.map((spec) => workOf("second", secondRecord(spec)));
        const events = (merged: ReturnType<typeof mergeWork>) =>
          merged.seconds.map(({ event }) => event);
        const whole = events(mergeWork(works));
        const parts = events(
          mergeWork([mergeWork(works.slice(0, cut)), mergeWork(works.slice(cut))]),
        );
        expect(parts).toEqual(whole);
        const keys = whole.map(({ market, startsAtMs }) => `${market} ${startsAtMs}`);
        expect(keys).toEqual([...new Set(keys)].sort());
        for (const { event } of works.flatMap((work) => work.seconds)) {
          const kept = whole.find((other) =>
            other.market === event.market && other.startsAtMs === event.startsAtMs
          );
          expect(kept!.revision >= event.revision).toBe(true);
        }
      },
    ),
  );
});
