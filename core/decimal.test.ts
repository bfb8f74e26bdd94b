import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compareDecimals,
  type Decimal,
  decimal,
  DECIMAL_FRACTION_DIGITS_MAX,
  DECIMAL_INTEGER_DIGITS_MAX,
  sumDecimals,
} from "./decimal.ts";

/** Any spelling JSON allows, with its value as an integer of 10^-60, made without the code under test. */
const spelled = fc.record({
  sign: fc.constantFrom("", "-"),
  whole: fc.stringMatching(/^(0|[1-9][0-9]{0,22})$/),
  fraction: fc.stringMatching(/^([0-9]{1,18})?$/),
  exponent: fc.option(fc.integer({ min: -20, max: 20 }), { nil: null }),
  mark: fc.constantFrom("e", "E"),
  plus: fc.boolean(),
}).map(({ sign, whole, fraction, exponent, mark, plus }) => {
  const power = exponent === null
    ? ""
    : `${mark}${plus && exponent >= 0 ? "+" : ""}${String(exponent)}`;
  const text = sign + whole + (fraction === "" ? "" : `.${fraction}`) + power;
  const units = BigInt(whole + fraction) * 10n ** BigInt(60 - fraction.length + (exponent ?? 0));
  return { text, units: sign === "-" ? -units : units };
});

function unitsOf(canonical: string): bigint {
  const [whole, fraction = ""] = canonical.replace("-", "").split(".") as [string, string?];
  const units = BigInt(whole + fraction) * 10n ** BigInt(60 - fraction.length);
  return canonical.startsWith("-") ? -units : units;
}

/** Whether a value of 10^-60 units fits the digits a decimal may have. */
function fits(units: bigint): boolean {
  const absolute = units < 0n ? -units : units;
  return absolute < 10n ** BigInt(60 + DECIMAL_INTEGER_DIGITS_MAX) &&
    absolute % 10n ** BigInt(60 - DECIMAL_FRACTION_DIGITS_MAX) === 0n;
}

const canonical = fc.tuple(
  fc.bigInt({ min: 1n - 10n ** 24n, max: 10n ** 24n - 1n }),
  fc.integer({ min: 0, max: 20 }),
).map(([digits, scale]) => decimal(`${shifted(digits, scale)}`));

function shifted(digits: bigint, scale: number): string {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, "0");
  const cut = text.length - scale;
  return (digits < 0n ? "-" : "") + text.slice(0, cut) + (scale === 0 ? "" : `.${text.slice(cut)}`);
}

describe("decimal()", () => {
  test.each([
    ["142009000.00000000", "142009000"],
    ["0.00606119", "0.00606119"],
    ["860743.5307100000000000", "860743.53071"],
    ["7.9276E-4", "0.00079276"],
    ["1.16539E8", "116539000"],
    ["104890599315.22821", "104890599315.22821"],
    ["-0.0", "0"],
    ["0E+5", "0"],
    ["1e-20", "0.00000000000000000001"],
    [
      "123456789012345678901234.00000000000000000001",
      "123456789012345678901234.00000000000000000001",
    ],
  ])("spells %s as %s", (text, expected) => expect(decimal(text)).toBe(expected));

  test.each([
    "",
    " 1",
    "1 ",
    "+1",
    "01",
    ".5",
    "1.",
    "1e",
    "0x1",
    "NaN",
    "Infinity",
    "1,000",
    "１",
  ])(
    "refuses %j, which is no JSON number",
    (text) => expect(() => decimal(text)).toThrow("is not a decimal number"),
  );

  test.each(["1e24", "1e-21", "9".repeat(25), "0.000000000000000000001"])(
    "refuses %s, which has too many digits",
    (text) => expect(() => decimal(text)).toThrow("fraction digits"),
  );

  test("keeps the value of every JSON spelling that fits, and refuses every other one", () => {
    fc.assert(
      fc.property(spelled, ({ text, units }) => {
        if (fits(units)) expect(unitsOf(decimal(text))).toBe(units);
        else expect(() => decimal(text)).toThrow(/more than 24 integer or 20 fraction digits/);
      }),
      { numRuns: 2_000 },
    );
  });

  test("is the same text for equal numbers only", () => {
    fc.assert(fc.property(spelled, spelled, (a, b) => {
      fc.pre(fits(a.units) && fits(b.units));
      expect(decimal(a.text) === decimal(b.text)).toBe(a.units === b.units);
    }));
    fc.assert(fc.property(canonical, (value) => {
      expect(decimal(value)).toBe(value);
    }));
  });

  test("answers hostile lengths at once", () => {
    const before = process.cpuUsage();
    for (const text of ["1".repeat(1e6), `0.${"0".repeat(1e6)}1`, `-${"9".repeat(511)}e-9999`]) {
      expect(() => decimal(text)).toThrow();
    }
    const { user, system } = process.cpuUsage(before); // µs; a busy machine takes longer by the clock
    expect((user + system) / 1_000).toBeLessThan(500);
  });
});

test("sumDecimals() is exact where binary floats are not", () => {
  expect(sumDecimals(["0.1", "0.2"] as Decimal[])).toBe("0.3");
  expect(sumDecimals(["98765432101.12345678", "0.00000001"] as Decimal[])).toBe(
    "98765432101.12345679",
  );
  expect(sumDecimals([])).toBe("0");
  fc.assert(fc.property(fc.array(canonical, { maxLength: 20 }), (values) => {
    expect(unitsOf(sumDecimals(values))).toBe(values.reduce((sum, v) => sum + unitsOf(v), 0n));
  }));
});

test("compareDecimals() orders by value", () => {
  fc.assert(fc.property(canonical, canonical, (a, b) => {
    const expected = unitsOf(a) < unitsOf(b) ? -1 : unitsOf(a) > unitsOf(b) ? 1 : 0;
    expect(Math.sign(compareDecimals(a, b))).toBe(expected);
  }));
});
