import { expect, test } from "vitest";
import { canonical, fixed, float64, ratio, rounded, short } from "./spelling.ts";

test("fixed() writes a WebSocket candle's numbers as the documented frame has them", () => {
  expect(fixed(14200900000000000n, 8)).toBe("142009000.00000000");
  expect(fixed(606119n, 8)).toBe("0.00606119");
  expect(fixed(14200900000000000n * 606119n, 16)).toBe("860743.5307100000000000");
  expect(fixed(-5n, 2)).toBe("-0.05");
});

test("short() writes SIMPLE and REST numbers: one zero after a whole number, no other at the end", () => {
  expect(short(14900000000000000n, 8)).toBe("149000000.0");
  expect(short(33557n, 8)).toBe("0.00033557");
  expect(short(14900000000000000n * 33557n, 16)).toBe("49999.93");
  expect(short(0n, 8)).toBe("0.0");
  expect(short(100n, 8)).toBe("0.000001");
});

test("canonical() has neither a lone point nor zeros at the end", () => {
  expect(canonical(14900000000000000n, 8)).toBe("149000000");
  expect(canonical(2566000n, 8)).toBe("0.02566");
});

test("float64() rounds a turnover as the exchange's REST does, and writes eight digits at least", () => {
  // A recorded month: the true sum ends in …97362.
  expect(float64(25111255248279736200000000000n, 16)).toBe("2511125524827.97360000");
  expect(float64(26547220244600000000000n, 16)).toBe("2654722.02446000");
  expect(float64(1034600000000000000000000n, 16)).toBe("103460000.00000000");
  expect(float64(44n, 8)).toBe("0.00000044");
});

test("ratio() gives the recorded change rates", () => {
  // KRW-BTC on 2026-03-11 and KRW-XRP, as recorded.
  expect(fixed(ratio(1043000n, 102417000n), 10)).toBe("0.0101838562");
  expect(fixed(ratio(15n, 2030n), 10)).toBe("0.0073891626");
  expect(fixed(ratio(-15n, 2030n), 10)).toBe("-0.0073891626");
});

test("rounded() rounds half up", () => {
  expect([149n, 150n, 151n].map((value) => rounded(value, 2))).toEqual([1n, 2n, 2n]);
});
