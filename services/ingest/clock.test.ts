import { expect, test } from "vitest";
import { clock } from "./clock.ts";

test("nowMs() stands still while the machine's clock is behind what it said, and then goes on", () => {
  const wall = [1_000.9, 1_500, 900, 1_200, 1_600];
  const time = clock(() => wall.shift()!, () => 0);
  expect([1, 2, 3, 4, 5].map(() => time.nowMs())).toEqual([1_000, 1_500, 1_500, 1_500, 1_600]);
});
