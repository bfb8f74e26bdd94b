import { describe, expect, test } from "vitest";
import type { Candle } from "./candle.ts";
import { decimal } from "./decimal.ts";
import { market } from "./market.ts";
import { compareCandles } from "./parity.ts";

function candle(startsAtMs: number, change: Record<string, string> = {}): Candle {
  const text = {
    open: "1",
    high: "2",
    low: "1",
    close: "2",
    volume: "3",
    turnover: "4",
    ...change,
  };
  return {
    market: market("KRW-BTC"),
    interval: "1s",
    startsAtMs,
    lastTickAtMs: startsAtMs + 5,
    open: decimal(text.open),
    high: decimal(text.high),
    low: decimal(text.low),
    close: decimal(text.close),
    volume: decimal(text.volume),
    turnover: decimal(text.turnover),
  };
}

const kinds = (ours: Candle[], theirs: Candle[]) =>
  compareCandles(ours, theirs).map(({ startsAtMs, verdict }) => [startsAtMs, verdict.kind]);

describe("compareCandles()", () => {
  test("gives each bucket of either side one verdict, ascending", () => {
    expect(kinds([candle(3_000), candle(1_000)], [candle(2_000), candle(1_000)])).toEqual([
      [1_000, "match"],
      [2_000, "missing_here"],
      [3_000, "missing_there"],
    ]);
  });

  test("names every field that differs, in the last digit too", () => {
    const [compared] = compareCandles(
      [candle(0, { volume: "98765432101.12345678", close: "1.5" })],
      [candle(0, { volume: "98765432101.12345679" })],
    );
    expect(compared!.verdict).toEqual({ kind: "differ", fields: ["close", "volume"] });
  });

  test("forgives the turnover what a float64 loses, and nothing else", () => {
    const exact = "2511125524827.97362";
    expect(kinds([candle(0, { turnover: exact })], [candle(0, { turnover: "2511125524827.9736" })]))
      .toEqual([[0, "match_rounded"]]);
    expect(kinds([candle(0, { turnover: exact })], [candle(0, { turnover: "2511125524827.974" })]))
      .toEqual([[0, "differ"]]);
    expect(kinds([candle(0, { volume: exact })], [candle(0, { volume: "2511125524827.9736" })]))
      .toEqual([[0, "differ"]]);
  });

  test("forgives a longer candle's turnover two steps of a float64", () => {
    const minute = (turnover: string): Candle => ({ ...candle(0, { turnover }), interval: "1m" });
    expect(kinds([minute("0.3")], [minute("0.3000000000000001")])).toEqual([[0, "match_rounded"]]);
    expect(kinds([minute("0.3")], [minute("0.30000000000000016")])).toEqual([[0, "differ"]]);
  });
});
