import { describe, expect, test } from "vitest";
import { decodeExchangeAnswer, encodeExchangeAnswer } from "#core/exchange_answer.ts";
import { market } from "#core/market.ts";
import { pageAddress, readPage } from "./page.ts";
import type { Want } from "./want.ts";

const at = (time: string): number => Date.parse(`2026-11-18T${time}Z`);
const NOW = at("16:00:00");
const want = (since: string, until: string, more: Partial<Want> = {}): Want => ({
  kind: "gap",
  market: market("KRW-BTC"),
  interval: "1m",
  sinceMs: at(since),
  untilMs: at(until),
  ...more,
});

const row = (time: string, name = "KRW-BTC"): string =>
  `{"market":"${name}","candle_date_time_utc":"2026-11-18T${time}","candle_date_time_kst":"x","opening_price":103460000.00000000,"high_price":103460000.00000000,"low_price":103458000.00000000,"trade_price":103458000.00000000,"timestamp":${
    at(time) + 500
  },"candle_acc_trade_price":2654722.02446000,"candle_acc_trade_volume":0.02565970,"unit":1}`;

/** An answer of the exchange, newest first. */
const answer = (...times: readonly string[]) => ({
  text: `[${times.map((time) => row(time)).join(",")}]`,
  askedAtMs: NOW,
});

describe("a page", () => {
  test("is asked for by its exclusive end, and as long as the exchange gives", () => {
    expect(pageAddress("http://x/v1/", want("15:00:00", "15:20:00", { interval: "4h" }))).toBe(
      "http://x/v1/candles/minutes/240?market=KRW-BTC&to=2026-11-18T15%3A20%3A00Z&count=200",
    );
  });

  test("that reaches the begin says everything from its oldest row on; there is no rest", () => {
    const page = readPage(want("15:10:00", "15:20:00"), answer("15:19:00", "15:12:00", "15:07:00"));
    expect(page.rest).toBeNull();
    expect(page.answer).toMatchObject({
      sinceMs: at("15:07:00"),
      untilMs: at("15:20:00"),
      fetchedAtMs: NOW,
    });
    expect(page.answer.rows).toEqual([row("15:07:00"), row("15:12:00"), row("15:19:00")]);
  });

  test("that does not reach it says nothing of what is before, however short it is", () => {
    const page = readPage(want("15:10:00", "15:20:00"), answer("15:19:00", "15:12:00"));
    expect(page.answer.sinceMs).toBe(at("15:12:00"));
    expect(page.rest).toEqual(want("15:10:00", "15:12:00"));
  });

  test("that is empty says that there is nothing", () => {
    const page = readPage(want("15:10:00", "15:20:00"), answer());
    expect(page).toMatchObject({ rest: null, answer: { sinceMs: at("15:10:00"), rows: [] } });
  });

  test.each([
    ["no JSON", "<html>maintenance</html>"],
    ["no list", `{"error":{"name":404,"message":"Code not found"}}`],
    ["another market", `[${row("15:12:00", "KRW-ETH")}]`],
    ["between two buckets", `[${row("15:12:30")}]`],
    ["what was not asked for", `[${row("15:20:00")}]`],
    ["the same candle twice", `[${row("15:12:00")},${row("15:12:00")}]`],
    ["out of order", `[${row("15:13:00")},${row("15:11:00")},${row("15:12:00")}]`],
    ["a number as a word", `[${row("15:12:00").replace("103460000.00000000", '"x"')}]`],
    [
      "a high below the low",
      `[${row("15:12:00").replace(/"high_price":[\d.]+/, '"high_price":1.0')}]`,
    ],
    ["null", "null"],
    ["a row that is null", "[null]"],
    ["201 rows", `[${Array.from({ length: 201 }, () => row("15:12:00")).join(",")}]`],
  ])("of rubbish is refused whole: %s", (_, text) => {
    expect(() => readPage(want("15:10:00", "15:20:00"), { text, askedAtMs: NOW }))
      .toThrow(expect.objectContaining({ name: "Failure" }));
  });

  test("keeps the exchange's digits on their way through the topic", () => {
    const page = readPage(want("15:10:00", "15:20:00"), answer("15:19:00", "15:09:00"));
    const record = encodeExchangeAnswer(page.answer);
    expect(record).toContain(row("15:19:00"));
    expect(decodeExchangeAnswer(record).rows.at(-1)).toMatchObject({
      startsAtMs: at("15:19:00"),
      open: "103460000",
      turnover: "2654722.02446",
      volume: "0.0256597",
    });
  });
});
