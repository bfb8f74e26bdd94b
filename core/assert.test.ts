import { expect, test } from "vitest";
import { assert } from "./assert.ts";

test("assert() names what was broken and the value", () => {
  expect(() => assert(false, "attempts count from 1", 0)).toThrow(
    "assertion failed: attempts count from 1: 0",
  );
  expect(() => assert(true, "anything")).not.toThrow();
});
