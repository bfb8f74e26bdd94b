import fc from "fast-check";
import { expect, test } from "vitest";
import {
  isMarket,
  type Market,
  market,
  MARKET_CHARS_MAX,
  marketFilter,
  quoteOf,
} from "./market.ts";

test("market() takes the exchange's spelling and nothing else", () => {
  for (const good of ["KRW-BTC", "BTC-1INCH", "USDT-ETH", "KRW-0G"]) {
    expect(market(good)).toBe(good);
  }
  for (
    const bad of ["krw-btc", "KRW_BTC", "KRW-", "-BTC", "KRW-BTC ", "KRW-BTC\n", "KRW-B-C", ""]
  ) {
    expect(() => market(bad), bad).toThrow(/is not a market; write the quote currency first/);
  }
});

test("a market is never longer than the limit that keys and rows rely on", () => {
  fc.assert(fc.property(fc.stringMatching(/^[A-Z0-9]{1,10}-[A-Z0-9]{1,17}$/), (text) => {
    if (isMarket(text)) expect(text.length).toBeLessThanOrEqual(MARKET_CHARS_MAX);
  }));
});

test("isMarket() is false for what is not text", () => {
  for (const value of [null, undefined, 1, {}, ["KRW-BTC"]]) expect(isMarket(value)).toBe(false);
});

test("quoteOf() is what stands before the hyphen", () => {
  expect(quoteOf("KRW-BTC" as Market)).toBe("KRW");
});

test("marketFilter() chooses all, quote currencies, or pairs", () => {
  const chosen = (filter: string): string[] =>
    ["KRW-BTC", "KRW-ETH", "BTC-ETH", "USDT-BTC"].filter((name) =>
      marketFilter(filter)(name as Market)
    );
  expect(chosen("all")).toHaveLength(4);
  expect(chosen("KRW, BTC")).toEqual(["KRW-BTC", "KRW-ETH", "BTC-ETH"]);
  expect(chosen("KRW-ETH,USDT-BTC")).toEqual(["KRW-ETH", "USDT-BTC"]);
  expect(chosen("USDT,KRW-BTC")).toEqual(["KRW-BTC", "USDT-BTC"]);
  expect(() => marketFilter(" , ")).toThrow("no markets chosen");
  expect(() => marketFilter("krw")).toThrow("is not a market");
});
