import fc from "fast-check";
import { expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { INTERVALS } from "#core/interval.ts";
import { intervalName, intervalText } from "../text/interval.ts";
import { initialsOf, marketSearch } from "./hangul.ts";
import { axisNumber, grouped, padded, percent, signed, turnoverShort } from "./number.ts";
import { bucketTime, crosshairTime } from "./bucket_time.ts";
import { clockMsText, dateText } from "./time.ts";
import { axisStep, axisTimes, axisTimeText } from "./time_axis.ts";

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
  const step = { unit: "ms", count: 4 * 3_600_000 } as const;
  const times = axisTimes(from, from + 8 * 3_600_000, step, KST);
  expect(times.map((ms) => axisTimeText(ms, step, KST))).toEqual(["11-23", "04:00"]);
  expect(axisStep(200_000, 10, 1_000)).toEqual({ unit: "ms", count: 30_000 });
});

const KST = 9 * 3_600_000;
const DAY = 86_400_000;

test("days, weeks and months are labelled by the calendar, never finer than a bar", () => {
  const labels = (fromMs: number, toMs: number, countMax: number, bucketMs: number) => {
    const step = axisStep(toMs - fromMs, countMax, bucketMs);
    return axisTimes(fromMs, toMs, step, 0).map((ms) => axisTimeText(ms, step, 0));
  };
  const november = Date.UTC(2026, 10, 1);
  // weeks start on Mondays
  expect(labels(november, november + 28 * DAY, 4, 7 * DAY)).toEqual([
    "11-02",
    "11-09",
    "11-16",
    "11-23",
  ]);
  expect(labels(Date.UTC(2025, 10, 15), Date.UTC(2026, 3, 15), 6, DAY))
    .toEqual(["2025-12", "2026", "2026-02", "2026-03", "2026-04"]);
  expect(labels(Date.UTC(2024, 5, 1), Date.UTC(2026, 5, 1), 10, 31 * DAY))
    .toEqual(["2024-07", "2024-10", "2025", "2025-04", "2025-07", "2025-10", "2026", "2026-04"]);
  expect(labels(november, november + DAY, 99, DAY)).toEqual(["11-01", "11-02"]);
});

test("axis times are ascending, within the span, and no more than asked for", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 2_000_000_000 }).map((seconds) => seconds * 1_000),
    fc.integer({ min: 1_000, max: 40 * 365 * DAY }),
    fc.integer({ min: 2, max: 12 }),
    fc.constantFrom(0, KST),
    (fromMs, spanMs, countMax, offsetMs) => {
      const step = axisStep(spanMs, countMax, 1_000);
      const times = axisTimes(fromMs, fromMs + spanMs, step, offsetMs);
      expect(times.length).toBeLessThanOrEqual(countMax + 1);
      expect(times.every((ms, at) => at === 0 || ms > times[at - 1]!)).toBe(true);
      expect(times.every((ms) => ms >= fromMs && ms <= fromMs + spanMs)).toBe(true);
    },
  ));
});

test("a day is one date in both zones, and says when it starts", () => {
  const day = Date.UTC(2026, 10, 22);
  expect(bucketTime("1d", day, "KST")).toEqual({ name: "2026-11-22", rest: "09:00 KST" });
  expect(bucketTime("1d", day, "UTC")).toEqual({ name: "2026-11-22", rest: "00:00 UTC" });
  expect(bucketTime("1w", Date.UTC(2026, 10, 16), "KST").name).toBe("2026-11-16 – 11-22");
  expect(bucketTime("1mo", Date.UTC(2026, 10, 1), "KST").name).toBe("2026-11");
  const minute = Date.UTC(2026, 10, 22, 14, 59);
  expect(bucketTime("1m", minute, "KST")).toEqual({ name: "23:59–00:00", rest: "2026-11-22" });
  expect(crosshairTime("1m", minute, "UTC")).toBe("11-22 14:59");
});

test("intervals are named in both languages", () => {
  expect(INTERVALS.map((one) => intervalText(one, "ko")).join(" "))
    .toBe("1초 1분 3분 5분 10분 15분 30분 1시간 4시간 일 주 월");
  expect(INTERVALS.map((one) => intervalText(one, "en")).join(" "))
    .toBe("1s 1m 3m 5m 10m 15m 30m 1h 4h 1D 1W 1M");
  expect([intervalName("1d", "ko"), intervalName("1mo", "en"), intervalName("4h", "en")])
    .toEqual(["일봉", "1 month", "4 hours"]);
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
