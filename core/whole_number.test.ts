import fc from "fast-check";
import { expect, test } from "vitest";
import { wholeNumber } from "./whole_number.ts";

test("wholeNumber() takes digits and nothing else, up to so many", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (value) => {
    const text = String(value);
    expect(wholeNumber(text, 16)).toBe(value);
    expect(wholeNumber(text, text.length - 1)).toBeNaN();
  }));
  for (const wrong of ["", " 1", "1 ", "-1", "+1", "1.0", "1e3", "0x1", "１", null, undefined, 1]) {
    expect(wholeNumber(wrong, 15)).toBeNaN();
  }
  expect(wholeNumber("007", 15)).toBe(7);
});
