import fc from "fast-check";
import { expect, test } from "vitest";
import type { Market } from "#core/market.ts";
import { partitionOf } from "#core/partition.ts";
import { PARTITIONS } from "#core/topics.ts";
import { broken, linkUp, marks, opened, STARTED } from "./coverage.ts";

const markets = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "BTC-ETH"] as Market[];
const open = opened(linkUp(STARTED), "s1", markets, 1_000);

test("before the first session the marks say so, on every partition", () => {
  expect(marks(STARTED, 0, 500)).toEqual(
    Array.from({ length: PARTITIONS }, () => ({
      writtenAtMs: 500,
      link: "down",
      cause: "started",
      session: null,
    })),
  );
});

test("each market is covered on its own partition, once", () => {
  const made = marks(open, 2_000, 2_100);
  expect(made.flatMap(({ session }) => session!.markets).sort()).toEqual([...markets].sort());
  for (const [partition, { session }] of made.entries()) {
    for (const market of session!.markets) expect(partitionOf(market)).toBe(partition);
  }
});

test("until never passes the last proof of life, nor now, and never lies before since", () => {
  fc.assert(fc.property(fc.nat(10_000), fc.nat(10_000), (proofMs, nowMs) => {
    for (const { writtenAtMs, session } of marks(open, proofMs, nowMs)) {
      expect(writtenAtMs).toBe(nowMs);
      expect(session!.untilMs).toBeGreaterThanOrEqual(session!.sinceMs);
      if (session!.untilMs > session!.sinceMs) {
        expect(session!.untilMs).toBeLessThanOrEqual(Math.min(proofMs, nowMs));
      }
    }
  }));
});

test("the last marks of a session say that it ended and why; later ones keep the cause", () => {
  const [last] = marks(open, 2_000, 2_100, { link: "down", cause: "silent" });
  expect(last).toMatchObject({
    link: "down",
    cause: "silent",
    session: { id: "s1", untilMs: 2_000, ended: true },
  });
  const after = broken("down", "silent");
  expect(marks(after, 2_000, 3_000)[0]).toMatchObject({
    link: "down",
    cause: "silent",
    session: null,
  });
  expect(marks(linkUp(after), 2_000, 4_000)[0]).toMatchObject({ link: "up", cause: "silent" });
});

test("two sessions at once are our bug", () => {
  expect(() => opened(open, "s2", markets, 2_000)).toThrow("one session at a time");
});
