import fc from "fast-check";
import { expect, test } from "vitest";
import { compareDecimals, type Decimal, decimal } from "./decimal.ts";
import { candleRevision, newer, rollupRevision, tickerRevision } from "./revision.ts";

const time = fc.oneof(
  fc.constantFrom(0, 1, 35, 36, 1_735_792_085_824),
  fc.integer({ min: 0, max: 101_559_956_668_415 }),
);
const amount = fc.tuple(
  fc.bigInt({ min: 0n, max: 10n ** 24n - 1n }),
  fc.integer({ min: 0, max: 20 }),
)
  .map(([digits, scale]) => {
    const text = digits.toString().padStart(scale + 1, "0");
    const cut = text.length - scale;
    return decimal(text.slice(0, cut) + (scale === 0 ? "" : `.${text.slice(cut)}`));
  });

type Columns = readonly [number, number, Decimal];

/** How PostgreSQL orders the same columns as one row value. */
function compareColumns(a: Columns, b: Columns): number {
  return a[0] - b[0] || a[1] - b[1] || compareDecimals(a[2], b[2]);
}

test("revisions as text are ordered as their columns are", () => {
  const columns = fc.tuple(time, time, amount);
  const pair = fc.tuple(columns, columns).chain(([a, b]) =>
    // equal leading columns are rare by chance, and where the later ones decide
    fc.tuple(fc.constant(a), fc.constantFrom(b, [a[0], a[1], b[2]], [a[0], b[1], b[2]], a))
  );
  fc.assert(
    fc.property(pair, ([a, b]) => {
      const [left, right] = [candleRevision(...a), candleRevision(...(b as Columns))];
      expect(newer(left, right)).toBe(compareColumns(a, b as Columns) > 0);
      expect(newer(right, left)).toBe(compareColumns(a, b as Columns) < 0);
      expect(left === right).toBe(compareColumns(a, b as Columns) === 0);
    }),
    { numRuns: 3_000 },
  );
});

test("volume decides where text order would not: 9 < 10, 0.05 < 0.5 < 1.5 < 15", () => {
  const volumes = ["0", "0.05", "0.5", "0.51", "1.5", "9", "9.99", "10", "15", "100"] as Decimal[];
  const revisions = volumes.map((volume) => candleRevision(0, 7, volume));
  expect([...revisions].sort()).toEqual(revisions);
  expect(new Set(revisions).size).toBe(volumes.length);
});

test("a correction outranks whatever the wire says later", () => {
  const corrected = candleRevision(1_735_792_100_000, 1_735_792_085_824, "1" as Decimal);
  const later = candleRevision(0, 1_735_799_999_999, "999" as Decimal);
  expect(newer(corrected, later)).toBe(true);
});

test("a ticker without a daily volume counts as 0", () => {
  expect(tickerRevision(5, 4, null)).toBe(tickerRevision(5, 4, "0" as Decimal));
});

test("rollupRevision() orders by timeline, then by sequence", () => {
  expect(newer(rollupRevision(2, 1), rollupRevision(1, 999_999))).toBe(true);
  expect(newer(rollupRevision(1, 36), rollupRevision(1, 35))).toBe(true);
});

test("a time that is no whole number, or a negative volume, is our bug", () => {
  expect(() => candleRevision(0, 1.5, "1" as Decimal)).toThrow("a revision's time");
  expect(() => candleRevision(-1, 1, "1" as Decimal)).toThrow("a revision's time");
  expect(() => candleRevision(0, 1, "-1" as Decimal)).toThrow("a revision's volume");
});
