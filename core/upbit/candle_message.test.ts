import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJsonNumbersAsText } from "../json_numbers.ts";
import { CANDLE_TYPES, readCandle } from "./candle_message.ts";
import type { Element } from "./fields.ts";

/** The exchange's documented frames. */
const DEFAULT =
  `{"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"2025-01-02T04:28:05","candle_date_time_kst":"2025-01-02T13:28:05","opening_price":142009000.00000000,"high_price":142009000.00000000,"low_price":142009000.00000000,"trade_price":142009000.00000000,"candle_acc_trade_volume":0.00606119,"candle_acc_trade_price":860743.5307100000000000,"timestamp":1735792085824,"stream_type":"REALTIME"}`;
const SIMPLE =
  `{"ty":"candle.1s","cd":"KRW-BTC","cdttmu":"2025-07-07T02:29:24","cdttmk":"2025-07-07T11:29:24","op":149000000.0,"hp":149000000.0,"lp":149000000.0,"tp":149000000.0,"catv":7.9276E-4,"catp":49999.93,"tms":1751855364161,"st":"SNAPSHOT"}`;

const read = (text: string) => readCandle(parseJsonNumbersAsText(text) as Element);

test("readCandle() reads the documented DEFAULT frame, digit for digit", () => {
  expect(read(DEFAULT)).toEqual({
    market: "KRW-BTC",
    interval: "1s",
    startsAtMs: Date.UTC(2025, 0, 2, 4, 28, 5),
    open: "142009000",
    high: "142009000",
    low: "142009000",
    close: "142009000",
    volume: "0.00606119",
    turnover: "860743.53071",
    lastTickAtMs: 1735792085824,
  });
});

test("readCandle() reads the documented SIMPLE frame", () => {
  expect(read(SIMPLE)).toMatchObject({
    startsAtMs: Date.UTC(2025, 6, 7, 2, 29, 24),
    volume: "0.00079276",
    turnover: "49999.93",
    lastTickAtMs: 1751855364161,
  });
});

test("the timestamp may lie after the candle's end and never moves the bucket", () => {
  const late = DEFAULT.replace("1735792085824", "1735792099999");
  expect(read(late)).toMatchObject({
    startsAtMs: Date.UTC(2025, 0, 2, 4, 28, 5),
    lastTickAtMs: 1735792099999,
  });
});

test.each([
  ["candle.1s", "candle.1d", "candle_type_unknown"],
  ["candle.1s", "toString", "candle_type_unknown"],
  ["KRW-BTC", "krw-btc", "field_invalid"],
  ["2025-01-02T04:28:05", "2025-01-02T04:28:05Z", "time_invalid"],
  ["candle.1s", "candle.1m", "candle_off_grid"],
  ["0.00606119", "-1", "candle_absurd"],
  [`"high_price":142009000.00000000`, `"high_price":1`, "candle_absurd"],
  [`"low_price":142009000.00000000`, `"low_price":null`, "field_invalid"],
  ["860743.5307100000000000", "1e99", "decimal_too_long"],
  ["1735792085824", "17357920858.24", "field_invalid"],
])("readCandle() refuses %s → %s as %s", (from, to, code) => {
  expect(DEFAULT).toContain(from);
  expect(() => read(DEFAULT.replace(from, to))).toThrow(expect.objectContaining({ code }));
});

test("readCandle() fails with a Failure on any JSON, never otherwise", () => {
  const fields = Object.keys(JSON.parse(DEFAULT));
  fc.assert(
    fc.property(fc.constantFrom(...fields), fc.json(), (field, value) => {
      const changed = { ...parseJsonNumbersAsText(DEFAULT) as Element };
      (changed as Record<string, unknown>)[field] = parseJsonNumbersAsText(value);
      try {
        readCandle(changed);
      } catch (error) {
        expect(error).toHaveProperty("name", "Failure");
      }
    }),
    { numRuns: 2_000 },
  );
});

test("there is no daily candle stream", () => {
  expect(Object.values(CANDLE_TYPES)).not.toContain("1d");
});
