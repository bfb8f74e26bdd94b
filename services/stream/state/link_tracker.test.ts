import { describe, expect, test } from "vitest";
import type { Mark } from "#core/mark.ts";
import { LinkTracker } from "./link_tracker.ts";

function mark(atMs: number, id: string | null, link: Mark["link"], over: Partial<Mark> = {}): Mark {
  const session = id === null
    ? null
    : { id, markets: [], sinceMs: 0, untilMs: atMs, ended: link === "down" };
  return { writtenAtMs: atMs, link, cause: "started", session, ...over };
}

describe("LinkTracker", () => {
  test("tells a change once, however many partitions say it", () => {
    const tracker = new LinkTracker();
    expect(tracker.take(mark(1_000, "a", "up"))).toBe(true);
    expect(tracker.take(mark(1_000, "a", "up"))).toBe(false);
    expect(tracker.take(mark(2_000, "a", "down", { cause: "silent" }))).toBe(true);
    expect(tracker.take(mark(2_000, "a", "down", { cause: "silent" }))).toBe(false);
    expect(tracker.state).toEqual({
      link: "down",
      cause: "silent",
      writtenAtMs: 2_000,
      untilMs: 2_000,
    });
  });

  test("a late mark of another partition does not bring an ended session back", () => {
    const tracker = new LinkTracker();
    tracker.take(mark(1_000, "a", "up"));
    tracker.take(mark(2_000, "a", "down", { cause: "closed" }));
    expect(tracker.take(mark(1_500, "a", "up"))).toBe(false);
    expect(tracker.take(mark(2_000, "a", "up"))).toBe(false);
    expect(tracker.state!.link).toBe("down");
  });

  test("is up as long as one of two ingests is", () => {
    const tracker = new LinkTracker();
    tracker.take(mark(1_000, "a", "up"));
    tracker.take(mark(1_001, "b", "up"));
    expect(tracker.take(mark(2_000, "a", "down", { cause: "error" }))).toBe(false);
    expect(tracker.take(mark(2_500, null, "down", { cause: "error" }))).toBe(false);
    expect(tracker.state!.link).toBe("up");
    tracker.take(mark(5_000, null, "down", { cause: "error" }));
    expect(tracker.state).toMatchObject({ link: "down", cause: "error" });
  });

  test("the end of what was seen never goes back", () => {
    const tracker = new LinkTracker();
    tracker.take(mark(3_000, "a", "up"));
    tracker.take(mark(4_000, null, "down"));
    expect(tracker.state!.untilMs).toBe(3_000);
  });
});
