import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure } from "#core/failure.ts";
import { candleRequest, requestKey } from "./candle_request.ts";

const read = (query: string) => candleRequest(new URLSearchParams(query));

describe("candleRequest()", () => {
  test("has its defaults", () => {
    expect(read("market=KRW-BTC"))
      .toEqual({ market: "KRW-BTC", interval: "1s", toMs: null, count: 200 });
  });

  test.each([
    ["2026-11-22T09:00:00Z", 1_795_338_000_000],
    ["2026-11-22T18:00:00%2B09:00", 1_795_338_000_000],
    ["2026-11-22T18:00:00+09:00", 1_795_338_000_000],
    ["2026-11-22T04:00-05:00", 1_795_338_000_000],
    ["2026-11-22T09:00:00.5Z", 1_795_338_000_500],
    ["1795338000000", 1_795_338_000_000],
    ["0", 0],
  ])("reads to=%s", (text, ms) => {
    expect(read(`market=KRW-BTC&to=${text}`).toMs).toBe(ms);
  });

  test.each([
    ["market=", "market_invalid"],
    ["", "market_missing"],
    ["market=krw-btc", "market_invalid"],
    ["market=KRW-BTC&interval=2m", "interval_invalid"],
    ["market=KRW-BTC&count=0", "count_invalid"],
    ["market=KRW-BTC&count=2001", "count_invalid"],
    ["market=KRW-BTC&count=1e3", "count_invalid"],
    ["market=KRW-BTC&count=-1", "count_invalid"],
    // no zone: the exchange reads that as UTC, a browser as local time
    ["market=KRW-BTC&to=2026-11-22T09:00:00", "to_invalid"],
    ["market=KRW-BTC&to=2026-02-30T09:00:00Z", "to_invalid"],
    ["market=KRW-BTC&to=2026-13-01T09:00:00Z", "to_invalid"],
    ["market=KRW-BTC&to=999999999999999", "to_invalid"],
    ["market=KRW-BTC&to=", "to_invalid"],
  ])("refuses %s", (query, code) => {
    expect(() => read(query)).toThrow(expect.objectContaining({ code }));
  });

  test("an instant written with any zone is the same instant", () => {
    fc.assert(fc.property(
      fc.date({ min: new Date(0), max: new Date("9999-12-30"), noInvalidDate: true }),
      fc.integer({ min: -14 * 60 + 1, max: 14 * 60 - 1 }),
      (date, offsetMinutes) => {
        const local = new Date(date.getTime() + offsetMinutes * 60_000);
        if (local.getTime() < 0 || local.getUTCFullYear() > 9999) return;
        const two = (value: number): string => String(value).padStart(2, "0");
        const away = Math.abs(offsetMinutes);
        const zone = `${offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(away / 60))}:${
          two(away % 60)
        }`;
        const text = local.toISOString().replace("Z", zone);
        expect(read(`market=KRW-BTC&to=${encodeURIComponent(text)}`).toMs).toBe(date.getTime());
      },
    ));
  });

  test("whatever is asked, it is taken or refused by a failure, and equal keys mean equal requests", () => {
    const value = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("KRW-BTC", "1s", "1m", "200", "2000", "2026-11-22T09:00:00Z", "constructor"),
    );
    const query = fc.dictionary(fc.constantFrom("market", "interval", "to", "count"), value);
    fc.assert(
      fc.property(query, (values) => {
        try {
          const request = candleRequest(new URLSearchParams(values));
          expect(request.count).toBeLessThanOrEqual(2_000);
          const [market, interval] = requestKey(request).split(" ");
          expect([market, interval]).toEqual([request.market, request.interval]);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
