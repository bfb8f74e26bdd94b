import { expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { initialsOf, marketSearch } from "./hangul.ts";
import { axisNumber, grouped, padded, percent, signed, turnoverShort } from "./number.ts";
import { axisStepMs, axisTimes, axisTimeText, clockMsText, dateText } from "./time.ts";

test("grouped() keeps every digit, of any length", () => {
  expect(grouped("2511125524827.97362")).toBe("2,511,125,524,827.97362");
  expect(grouped("123456789012345678901234.12345678901234567891"))
    .toBe("123,456,789,012,345,678,901,234.12345678901234567891");
  expect(grouped("0.00006119")).toBe("0.00006119");
  expect(grouped("-1234.5")).toBe("−1,234.5");
  expect(padded("412", 1)).toBe("412.0");
});

test("a sign never stands before a zero, and never depends on colour", () => {
  expect(percent(decimal("0.0123"))).toBe("+1.23%");
  expect(percent(decimal("-0.05971"))).toBe("−5.97%");
  expect(percent(decimal("-0.00001"))).toBe("0.00%");
  expect(signed(decimal("0"))).toBe("0");
  expect(signed(decimal("243"))).toBe("+243");
  expect(axisNumber(-0.0001, 2)).toBe("0.00");
});

test("KRW turnover counts in millions, as Korean exchanges show it", () => {
  expect(turnoverShort(decimal("354610123456.789"), "KRW"))
    .toEqual({ digits: "354,610", millions: true });
  expect(turnoverShort(decimal("1.2341"), "BTC")).toEqual({ digits: "1.234", millions: false });
});

test("KST is nine hours ahead of UTC, on any host", () => {
  const ms = Date.UTC(2026, 10, 22, 15, 30, 1, 7);
  expect([dateText(ms, "KST"), clockMsText(ms, "KST")]).toEqual(["2026-11-23", "00:30:01.007"]);
  expect([dateText(ms, "UTC"), clockMsText(ms, "UTC")]).toEqual(["2026-11-22", "15:30:01.007"]);
});

test("axis times are round in the zone that is shown, and midnight shows the date", () => {
  const from = Date.UTC(2026, 10, 22, 13);
  const times = axisTimes(from, from + 8 * 3_600_000, 4 * 3_600_000, "KST");
  expect(times.map((ms) => axisTimeText(ms, 4 * 3_600_000, "KST"))).toEqual(["11-23", "04:00"]);
  expect(axisStepMs(200_000, 10)).toBe(30_000);
});

test("markets are found by name, code and Korean initial consonants", () => {
  const bitcoin = { market: "KRW-BTC", koreanName: "비트코인", englishName: "Bitcoin" };
  expect(initialsOf("비트코인 캐시")).toBe("ㅂㅌㅋㅇ ㅋㅅ");
  for (
    const query of ["비트", "ㅂㅌㅋㅇ", "ㅌㅋ", "btc", "BTC/KRW", "krw-btc", "bit", " Bit coin"]
  ) {
    expect(marketSearch(query)(bitcoin), query).toBe(true);
  }
  expect(marketSearch("ㅇㄷ")(bitcoin)).toBe(false);
  expect(marketSearch("이더")(bitcoin)).toBe(false);
});
