import { expect, test } from "vitest";
import { tickUnits } from "./ticks.ts";

test.each([
  ["KRW-BTC", 142_000_000, 1000],
  ["KRW-BCH", 999_999, 500],
  ["KRW-AAVE", 312_000, 100],
  ["KRW-X", 50_000, 50],
  ["KRW-X", 49_999, 10],
  ["KRW-X", 5_000, 5],
  ["KRW-X", 4_999, 1],
  ["KRW-X", 100, 1],
  ["KRW-X", 99.9, 0.1],
  ["KRW-X", 9.99, 0.01],
  ["KRW-X", 0.0124, 0.0001],
  ["KRW-X", 0.000009, 0.00000001],
  ["KRW-USDT", 1_480, 0.5],
  ["BTC-ETH", 0.034, 0.00000001],
  ["USDT-BTC", 98_000, 0.01],
])("tickUnits() of %s at %d is %d (KRW table of 2025-07-31)", (market, price, tick) => {
  expect(Number(tickUnits(market, price)) / 1e8).toBeCloseTo(tick, 12);
});
