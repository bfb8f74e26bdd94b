import { describe, expect, test } from "vitest";
import {
  coveredBy,
  decodeExchangeAnswer,
  encodeExchangeAnswer,
  SECONDS_GIVEN_DAYS,
} from "./exchange_answer.ts";
import { market } from "./market.ts";

const T = Date.parse("2026-11-18T15:20:00Z");
const row =
  '{"market":"KRW-BTC","candle_date_time_utc":"2026-11-18T15:19:00","opening_price":7.9276E-4,"high_price":2.0,"low_price":0.0001,"trade_price":1.50000000,"timestamp":1,"candle_acc_trade_price":104890599315.22821,"candle_acc_trade_volume":1.0}';
const answer = {
  market: market("KRW-BTC"),
  interval: "1m" as const,
  sinceMs: T - 120_000,
  untilMs: T,
  fetchedAtMs: T + 60_000,
  rows: [row],
};

describe("what an answer covers", () => {
  test("ends 10 s before it was asked", () => {
    expect(coveredBy({ ...answer, fetchedAtMs: T + 10_000 })).toEqual({
      sinceMs: T - 120_000,
      untilMs: T,
    });
    expect(coveredBy({ ...answer, fetchedAtMs: T + 9_000 })?.untilMs).toBe(T - 1_000);
    expect(coveredBy({ ...answer, fetchedAtMs: T + 9_999 })?.untilMs).toBe(T - 1_000);
  });

  test("is nothing when all of it is younger: its rows may still be revised", () => {
    expect(coveredBy({ ...answer, sinceMs: T - 5_000, fetchedAtMs: T })).toBeNull();
  });

  test("of seconds never reaches back to where the exchange gives none", () => {
    const wallMs = answer.fetchedAtMs - SECONDS_GIVEN_DAYS * 86_400_000;
    expect(coveredBy({ ...answer, interval: "1s", sinceMs: 0 })?.sinceMs).toBe(wallMs);
    expect(coveredBy({ ...answer, interval: "1s", sinceMs: 0, untilMs: wallMs })).toBeNull();
    expect(coveredBy({ ...answer, sinceMs: 0 })?.sinceMs).toBe(0);
  });
});

describe("the record", () => {
  test("holds the rows byte for byte, and is read as exact decimals", () => {
    const text = encodeExchangeAnswer(answer);
    expect(text).toContain(row);
    expect(decodeExchangeAnswer(text)).toMatchObject({
      ...answer,
      rows: [{ open: "0.00079276", turnover: "104890599315.22821", close: "1.5" }],
    });
  });

  test.each([
    ["no object", "[]"],
    ["a market in lower case", encodeExchangeAnswer(answer).replace("KRW-BTC", "krw-btc")],
    ["an unknown interval", encodeExchangeAnswer(answer).replace('"1m"', '"2m"')],
    ["a time that is a text", encodeExchangeAnswer(answer).replace(String(T), '"now"')],
    ["an end before the begin", encodeExchangeAnswer({ ...answer, untilMs: answer.sinceMs })],
    ["a row outside", encodeExchangeAnswer({ ...answer, untilMs: T - 60_000 })],
    ["no rows", encodeExchangeAnswer(answer).replace('"rows"', '"row"')],
    ["cut off", encodeExchangeAnswer(answer).slice(0, -3)],
  ])("is refused: %s", (_, text) => {
    expect(() => decodeExchangeAnswer(text)).toThrow(expect.objectContaining({ name: "Failure" }));
  });
});
