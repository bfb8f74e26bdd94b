import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeArray, encodeArray } from "./postgres_arrays.ts";

test("any texts come back as they were, null, quotes, commas, braces and line ends included", () => {
  const item = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(null, "NULL", "", '"', "\\", "a,b", "{}", "\n"),
  );
  fc.assert(fc.property(fc.array(item), (items) => {
    expect(decodeArray(encodeArray(items))).toEqual(items);
  }));
});

test("what PostgreSQL writes without quotes", () => {
  expect(decodeArray('{KRW-BTC,1.5,NULL,"a b"}')).toEqual(["KRW-BTC", "1.5", null, "a b"]);
  expect(decodeArray("{}")).toEqual([]);
});
