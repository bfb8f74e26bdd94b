import { expect, test } from "vitest";
import { assertPossible, type Candle } from "./candle.ts";
import type { Decimal } from "./decimal.ts";
import type { Market } from "./market.ts";

const candle: Candle = {
  market: "KRW-BTC" as Market,
  interval: "1s",
  startsAtMs: 0,
  open: "100" as Decimal,
  high: "110" as Decimal,
  low: "90" as Decimal,
  close: "105" as Decimal,
  volume: "1" as Decimal,
  turnover: "100" as Decimal,
  lastTickAtMs: 5_000,
};

test("assertPossible() lets through what trades can produce, also at the edges", () => {
  expect(() => assertPossible(candle)).not.toThrow();
  const flat = { open: "9", high: "9", low: "9", close: "9", volume: "0", turnover: "0" };
  expect(() => assertPossible({ ...candle, ...flat as Partial<Candle> })).not.toThrow();
});

test.each([
  [{ high: "89" }, "high 89 is below low 90"],
  [{ open: "111" }, "open 111 is above high 110"],
  [{ close: "9" }, "close 9 is below low 90"],
  [{ low: "0" }, "low 0 is not above 0"],
  [{ low: "-1" }, "low -1 is not above 0"],
  [{ volume: "-0.1" }, "volume -0.1 is negative"],
  [{ turnover: "-5" }, "turnover -5 is negative"],
])("assertPossible() names the contradiction of %o", (change, message) => {
  expect(() => assertPossible({ ...candle, ...change as Partial<Candle> })).toThrow(
    expect.objectContaining({ code: "candle_absurd", message: expect.stringContaining(message) }),
  );
});
