import fc from "fast-check";
import { expect, test } from "vitest";
import { type Gust, STORM_PARTS, stormPlan } from "./plan.ts";

const first = (seed: number, count: number): Gust[] => stormPlan(seed).take(count).toArray();

test("the same seed gives the same storm, another seed another", () => {
  expect(first(1, 30)).toEqual(first(1, 30));
  expect(first(1, 30)).not.toEqual(first(2, 30));
});

test("within six gusts every part is hit first, and two at once, again and meanwhile come", () => {
  fc.assert(fc.property(fc.nat(), (seed) => {
    const gusts = first(seed, 6);
    expect(new Set(gusts.map(({ blows }) => blows[0]!.part))).toEqual(new Set(STORM_PARTS));
    expect(new Set(gusts.map(({ kind }) => kind)).size).toBe(4);
    for (const { kind, blows } of gusts) {
      const [one, two] = blows;
      expect(blows.length).toBe(kind === "one" ? 1 : 2);
      if (two !== undefined) {
        expect(two.part === one!.part).toBe(kind === "again while coming back");
        expect(two.afterMs === 0).toBe(kind === "two at once");
      }
    }
  }));
});
