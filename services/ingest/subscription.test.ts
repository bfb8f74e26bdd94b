import { expect, test } from "vitest";
import type { Market } from "#core/market.ts";
import { acceptedMarkets, listFrame, subscribeFrame } from "./subscription.ts";

const markets = ["KRW-BTC", "KRW-ETH"] as Market[];

test("subscribeFrame() is the documented frame, everything in one", () => {
  expect(subscribeFrame("0e66c0ac", markets)).toBe(
    '[{"ticket":"0e66c0ac"},{"type":"candle.1s","codes":["KRW-BTC","KRW-ETH"]},' +
      '{"type":"ticker","codes":["KRW-BTC","KRW-ETH"]},{"format":"DEFAULT"}]',
  );
  expect(listFrame("t")).toBe('[{"ticket":"t"},{"method":"LIST_SUBSCRIPTIONS"}]');
});

test("an empty subscription would be answered with NO_CODES: our bug", () => {
  expect(() => subscribeFrame("t", [])).toThrow("something to subscribe to");
});

test("acceptedMarkets() are the asked ones whose seconds are listed, tickers do not count", () => {
  const answer = [
    { type: "ticker", codes: ["KRW-BTC", "KRW-ETH"] },
    { type: "candle.1s", codes: ["KRW-ETH", "KRW-OLD"] },
  ];
  expect(acceptedMarkets(markets, answer)).toEqual(["KRW-ETH"]);
});

test("an answer without seconds tells nothing, rather than that nothing was accepted", () => {
  expect(acceptedMarkets(markets, [])).toBeNull();
  expect(acceptedMarkets(markets, [{ type: "ticker", codes: ["KRW-BTC"] }])).toBeNull();
});
