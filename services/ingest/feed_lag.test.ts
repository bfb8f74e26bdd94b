import { expect, test } from "vitest";
import { FeedLag } from "./feed_lag.ts";

test("a feed within 5 s of the time is not behind, nor is one from the future", () => {
  const lag = new FeedLag();
  expect(lag.behindMs).toBe(0);
  lag.heard(10_000, 5_000);
  expect(lag.behindMs).toBe(0);
  lag.heard(10_000, 70_000);
  expect(lag.behindMs).toBe(0);
});

test("one frame that is late does not put a feed behind, a second in which all are late does", () => {
  const lag = new FeedLag();
  lag.heard(60_000, 30_000); // sent again
  lag.heard(60_010, 60_000);
  expect(lag.behindMs).toBe(0);
  lag.tick();
  lag.heard(61_000, 31_000);
  lag.heard(61_000, 32_000);
  expect(lag.behindMs).toBe(24_000);
});

test("stays behind through seconds without a frame, until one says otherwise", () => {
  const lag = new FeedLag();
  lag.heard(60_000, 40_000);
  for (let tick = 0; tick < 3; tick++) lag.tick();
  expect(lag.behindMs).toBe(15_000);
  lag.heard(64_000, 63_990);
  expect(lag.behindMs).toBe(0);
});
