import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure } from "#core/failure.ts";
import { market } from "#core/market.ts";
import { subscription } from "./subscription.ts";

const [btc, eth, usdt] = ["KRW-BTC", "KRW-ETH", "USDT-BTC"].map(market) as [
  ReturnType<typeof market>,
  ReturnType<typeof market>,
  ReturnType<typeof market>,
];

describe("subscription()", () => {
  test("absent means all of both", () => {
    const wanted = subscription(null, null);
    expect([btc, usdt].every((one) => wanted.wants("ticker", one))).toBe(true);
    expect(wanted.wants("link", null)).toBe(true);
    expect(wanted.pairs).toBeNull();
  });

  test("takes quotes, pairs and single events", () => {
    const wanted = subscription("KRW-BTC,USDT", "candle");
    expect([btc, eth, usdt].map((one) => wanted.matches(one))).toEqual([true, false, true]);
    expect(wanted.wants("ticker", btc)).toBe(false);
    expect(wanted.wants("link", null)).toBe(false);
    expect(subscription("KRW-BTC,KRW-ETH", null).pairs).toEqual([btc, eth]);
  });

  test("roll-ups are sent of the intervals named, by default of none", () => {
    expect(subscription("all", null).events.has("postgres-candle")).toBe(false);
    const wanted = subscription("KRW-BTC", null, "5m,1m");
    expect(wanted.events.has("candle")).toBe(true);
    expect((["1m", "5m", "1h"] as const).map((one) => wanted.wants("postgres-candle", btc, one)))
      .toEqual([true, true, false]);
    expect(wanted.wants("postgres-candle", eth, "1m")).toBe(false);
    expect(wanted.key).toBe(subscription("KRW-BTC", null, "1m,5m,1m").key);
    expect(wanted.key).not.toBe(subscription("KRW-BTC", null, "1m").key);
    for (
      const [events, intervals] of [
        ["postgres-candle", null],
        ["postgres-candle", ""],
        ["candle", "1m"],
        [null, "1s"],
      ]
    ) {
      expect(() => subscription("all", events!, intervals!))
        .toThrow(expect.objectContaining({ code: "intervals_invalid" }));
    }
    expect(() => subscription("all", null, "2m"))
      .toThrow(expect.objectContaining({ code: "interval_invalid" }));
  });

  test("the same wish in another order or twice is the same group", () => {
    expect(subscription("KRW-ETH, KRW-BTC,KRW-BTC", "candle,ticker").key)
      .toBe(subscription("KRW-BTC,KRW-ETH", "ticker,candle").key);
    expect(subscription("all,KRW-BTC", null).key).toBe(subscription("all", null).key);
  });

  test.each([
    ["", null, "markets_invalid"],
    [",,", null, "markets_invalid"],
    ["krw-btc", null, "market_invalid"],
    ["KRW-BTC", "trade", "events_invalid"],
    ["KRW-BTC", "", "events_invalid"],
    [Array.from({ length: 1_001 }, (_, at) => `KRW-A${at}`).join(","), null, "markets_invalid"],
  ])("refuses %j %j", (markets, events, code) => {
    expect(() => subscription(markets, events)).toThrow(expect.objectContaining({ code }));
  });

  test("whatever is asked, it is taken or refused by a failure", () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "all",
        "KRW",
        "KRW-BTC",
        "ticker",
        "candle",
        "link",
        "__proto__",
        "constructor",
      ),
    );
    const list = fc.array(word, { maxLength: 6 }).map((words) => words.join(","));
    fc.assert(
      fc.property(fc.option(list), fc.option(list), (markets, events) => {
        try {
          const wanted = subscription(markets, events);
          expect(wanted.events.size).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
