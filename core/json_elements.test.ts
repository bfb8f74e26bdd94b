import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonElements } from "./json_elements.ts";

test("jsonElements() cuts a market list without touching a byte of an entry", () => {
  const entry =
    '{"market":"KRW-BTC", "korean_name":"비트,코인]","step":1.0,"event":{"list":[1,2]}}';
  expect(jsonElements(` [${entry}, ${entry}\n]\n`)).toEqual([entry, entry]);
  expect(jsonElements("[]")).toEqual([]);
  expect(jsonElements("[ ]")).toEqual([]);
  expect(jsonElements('["\\"],[", 1.50]')).toEqual(['"\\"],["', "1.50"]);
});

test("jsonElements() of any array are its elements", () => {
  fc.assert(fc.property(fc.array(fc.jsonValue()), fc.constantFrom(0, 2), (values, indent) => {
    const elements = jsonElements(JSON.stringify(values, null, indent));
    expect(elements.map((element) => JSON.parse(element))).toEqual(
      JSON.parse(JSON.stringify(values)),
    );
  }));
});

test("jsonElements() of something else is a bug of the caller", () => {
  expect(() => jsonElements('{"a":1}')).toThrow("a JSON array");
});
