import { expect, test } from "vitest";
import { Failure, reason, shown } from "./failure.ts";

test("shown() quotes text and cuts garbage", () => {
  expect(shown('a"b')).toBe('"a\\"b"');
  expect(shown(undefined)).toBe("undefined");
  expect(shown("x".repeat(1_000))).toBe(`"${"x".repeat(79)}… (1002 characters)`);
});

test("reason() tells the whole chain of causes", () => {
  const refused = new Error("ECONNREFUSED");
  expect(reason(new Failure("a", "no market list", new Error("fetch failed", { cause: refused }))))
    .toBe("no market list: fetch failed: ECONNREFUSED");
  expect(reason(new TypeError())).toBe("TypeError");
  expect(reason("thrown text")).toBe('"thrown text"');
});

test("a Failure without a cause has none, so that reason() does not say undefined", () => {
  expect("cause" in new Failure("a", "b")).toBe(false);
  expect(reason(new Failure("a", "b"))).toBe("b");
});

test("shown() survives whatever JSON can hold", () => {
  expect(shown(JSON.parse('{"toString":null}'))).toBe('{"toString":null}');
  expect(shown([1, "a"])).toBe('[1,"a"]');
});
