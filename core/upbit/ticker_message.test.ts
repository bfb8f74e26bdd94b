import { expect, test } from "vitest";
import { parseJsonNumbersAsText } from "../json_numbers.ts";
import type { Element } from "./fields.ts";
import { readTicker } from "./ticker_message.ts";

const DEFAULT =
  `{"type":"ticker","code":"KRW-BTC","opening_price":1.0,"high_price":160000000.0,"low_price":150000000.0,"trade_price":155000000.00000000,"prev_closing_price":154000000.0,"acc_trade_price":1.1,"change":"RISE","change_price":1000000.0,"signed_change_price":-1000000.0,"change_rate":0.0064935065,"signed_change_rate":0.0064935065,"ask_bid":"BID","trade_volume":0.1,"acc_trade_volume":1234.56780000,"trade_date":"20261122","trade_time":"154703","trade_timestamp":1795362423000,"acc_trade_price_24h":104890599315.22821,"acc_trade_volume_24h":2000.5,"delisting_date":null,"timestamp":1795362423050,"stream_type":"REALTIME","a_new_field":{"x":1}}`;
const SIMPLE =
  `{"ty":"ticker","cd":"KRW-BTC","hp":3.0,"lp":1.0,"tp":2.50,"pcp":null,"c":"EVEN","scp":0,"scr":0,"atv":7E-4,"atv24h":null,"atp24h":null,"ttms":5,"tms":6}`;

const read = (text: string) => readTicker(parseJsonNumbersAsText(text) as Element);

test("readTicker() reads what we use, keeps signs and digits, ignores what is new", () => {
  expect(read(DEFAULT)).toEqual({
    market: "KRW-BTC",
    price: "155000000",
    previousClose: "154000000",
    change: "RISE",
    changePrice: "-1000000",
    changeRate: "0.0064935065",
    high: "160000000",
    low: "150000000",
    volume24h: "2000.5",
    turnover24h: "104890599315.22821",
    volumeToday: "1234.5678",
    timestampMs: 1795362423050,
    tradeTimestampMs: 1795362423000,
  });
});

test("readTicker() of a SIMPLE element, with nulls where a recording knows nothing", () => {
  expect(read(SIMPLE)).toMatchObject({
    price: "2.5",
    previousClose: null,
    change: "EVEN",
    volumeToday: "0.0007",
    timestampMs: 6,
    tradeTimestampMs: 5,
  });
});

test.each([
  [`"type":"ticker"`, `"type":"candle.1s"`, "type is"],
  [`"RISE"`, `"UP"`, "change is"],
  [`"trade_price":155000000.00000000`, `"trade_price":null`, "trade_price is null"],
  [`"timestamp":1795362423050`, `"timestamp":-1`, "timestamp is"],
])("readTicker() refuses %s → %s", (from, to, message) => {
  expect(DEFAULT).toContain(from);
  expect(() => read(DEFAULT.replace(from, to))).toThrow(message);
});

test("readTicker() refuses a negative amount: its revision could not be written", () => {
  for (const name of ["acc_trade_volume", "acc_trade_volume_24h", "acc_trade_price_24h"]) {
    const text =
      `{"type":"ticker","code":"KRW-BTC","trade_price":1,"${name}":-1,"trade_timestamp":1,"timestamp":1}`;
    expect(() => readTicker(parseJsonNumbersAsText(text) as Element)).toThrow(
      expect.objectContaining({ code: "field_invalid" }),
    );
  }
});
