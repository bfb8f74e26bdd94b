import { describe, expect, test } from "vitest";
import { OVERLAP_RECORDS, type PartitionBounds, startOf } from "./start_plan.ts";

const bounds = (over: Partial<PartitionBounds>): PartitionBounds => ({
  earliest: 0n,
  end: 100_000n,
  atTail: 90_000n,
  committed: 99_000n,
  ...over,
});

describe("startOf()", () => {
  test("begins before what persist has stored and at the tail's time, whichever is earlier", () => {
    expect(startOf(bounds({}), 50_000n)).toEqual({ offset: 90_000n, holdsTail: true });
    expect(startOf(bounds({ committed: 70_000n }), 50_000n))
      .toEqual({ offset: 70_000n - OVERLAP_RECORDS, holdsTail: true });
  });

  test("reads everything there is when persist never stored anything, within the limit", () => {
    expect(startOf(bounds({ committed: null }), 1_000_000n).offset).toBe(0n);
    expect(startOf(bounds({ committed: null }), 20_000n))
      .toEqual({ offset: 80_000n, holdsTail: true });
  });

  test("says when the limit cuts into the tail itself", () => {
    expect(startOf(bounds({}), 5_000n)).toEqual({ offset: 95_000n, holdsTail: false });
  });

  test("never begins before what is kept, nor behind the end", () => {
    expect(startOf(bounds({ earliest: 95_000n }), 50_000n))
      .toEqual({ offset: 95_000n, holdsTail: false });
    const empty = bounds({ earliest: 5n, end: 5n, atTail: 5n, committed: null });
    expect(startOf(empty, 10n)).toEqual({ offset: 5n, holdsTail: true });
  });
});
