import { Buffer } from "node:buffer";
import fc from "fast-check";
import { expect, test } from "vitest";
import { suspect } from "./suspect.ts";

const CANDLE =
  '{"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"2025-01-02T04:28:05","opening_price":142009000.00000000}';

test("suspect() of a candle that was cut off is that market's candle, or anybody's where the market was cut too", () => {
  const market = CANDLE.indexOf('","candle_date') + 1;
  for (let length = 0; length < CANDLE.length; length++) {
    expect(suspect(Buffer.from(CANDLE.slice(0, length)))).toEqual(
      length < market ? { kind: "anything" } : { kind: "candle", market: "KRW-BTC" },
    );
  }
});

test.each([
  ['{ "ty" : "candle.1s" , "cd":"BTC-ETH",', { kind: "candle", market: "BTC-ETH" }],
  ['{"type":"ticker","co', { kind: "nothing" }],
  ['{"type":"candle.1s","code":"krw-btc"', { kind: "anything" }],
  ['{"type":"candle.1s","code":123,"x":{"type":"ticker"}', { kind: "anything" }],
  ['x{"type":"ticker"', { kind: "anything" }],
  ['{"type":"candle.1s","stream_type":"REALTIME","code":"KRW-BTC"', { kind: "anything" }],
])("suspect(%s) is %j", (text, expected) => {
  expect(suspect(Buffer.from(text))).toEqual(expected);
});

test("suspect() never names a market that is not one, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(60), (noise, at) => {
      const found = suspect(Buffer.concat([Buffer.from(CANDLE.slice(0, at)), noise]));
      if (found.kind === "candle") expect(found.market).toMatch(/^[A-Z0-9]+-[A-Z0-9]+$/);
    }),
    { numRuns: 500 },
  );
});
