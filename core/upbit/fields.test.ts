import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fields, utcSecondMs } from "./fields.ts";

describe("utcSecondMs()", () => {
  test("reads UTC, whatever the machine's zone", () => {
    expect(utcSecondMs("2025-01-02T04:28:05")).toBe(Date.UTC(2025, 0, 2, 4, 28, 5));
  });

  test.each([
    "2025-01-02T04:28:05Z",
    "2025-01-02 04:28:05",
    "2025-01-02T04:28",
    "2025-13-01T00:00:00",
    "2025-01-01T24:00:00",
    "2025-01-01T00:60:00",
    "2025-02-30T00:00:00",
    "2023-02-29T00:00:00",
    "",
  ])("refuses %j", (text) => {
    expect(() => utcSecondMs(text)).toThrow(expect.objectContaining({ code: "time_invalid" }));
  });

  test("is the inverse of the exchange's spelling for every second", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (second) => {
      expect(utcSecondMs(new Date(second * 1_000).toISOString().slice(0, 19))).toBe(second * 1_000);
    }));
  });
});

describe("Fields", () => {
  test("reads long names of a DEFAULT and short names of a SIMPLE element", () => {
    const long = new Fields({ type: "ticker", code: "KRW-BTC", trade_price: "1.50", tp: "9" });
    const short = new Fields({ ty: "ticker", cd: "KRW-BTC", tp: "1.50", trade_price: "9" });
    for (const fields of [long, short]) {
      expect(fields.market()).toBe("KRW-BTC");
      expect(fields.decimal("trade_price", "tp")).toBe("1.5");
    }
  });

  test("null and absent are null where a field may be missing, and a failure where not", () => {
    const fields = new Fields({ type: "ticker", low: null });
    expect(fields.decimalOrNull("low", "lp")).toBeNull();
    expect(fields.decimalOrNull("high", "hp")).toBeNull();
    expect(() => fields.decimal("low", "lp")).toThrow("low is null, expected a number");
  });

  test("a number that passed through a binary float is refused: it must come as text", () => {
    expect(() => new Fields({ type: "x", price: 1.5 }).decimalOrNull("price", "p")).toThrow(
      "price is 1.5, expected a number",
    );
  });

  test.each([
    ["1735792085824", 1735792085824],
    ["0", 0],
    ["253402300799999", null],
    [
      "101559956668416",
      null,
    ],
    ["-1", null],
    ["1.5", null],
    ["1e12", null],
    ["", null],
    [5, null],
  ])(
    "timeMs(%j) is %j",
    (value, expected) => {
      const read = () => new Fields({ type: "x", t: value }).timeMs("t", "t");
      if (expected === null) {
        expect(read).toThrow(expect.objectContaining({ code: "field_invalid" }));
      } else expect(read()).toBe(expected);
    },
  );
});
