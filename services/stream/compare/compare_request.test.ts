import fc from "fast-check";
import { expect, test } from "vitest";
import { COMPARE_BUCKETS_MAX } from "#core/compare_page.ts";
import { bucketEndMs, bucketStartMs, INTERVALS } from "#core/interval.ts";
import { compareFormat, compareRequest } from "./compare_request.ts";

const NOW = Date.parse("2026-11-22T09:00:30Z");
const ask = (text: string) => compareRequest(new URLSearchParams(text), NOW);

test("a day of minutes until now where it is not said, in whole buckets", () => {
  expect(ask("market=KRW-BTC")).toEqual({
    market: "KRW-BTC",
    interval: "1m",
    sinceMs: Date.parse("2026-11-21T09:00:00Z"),
    untilMs: Date.parse("2026-11-22T09:01:00Z"),
    cut: false,
  });
});

test("any stretch is answered by whole buckets, at most as many as a page holds, the newest", () => {
  fc.assert(fc.property(
    fc.constantFrom(...INTERVALS),
    fc.integer({ min: Date.parse("2017-01-01Z"), max: NOW - 1 }),
    fc.integer({ min: 1, max: 2 * 365 * 86_400_000 }),
    (interval, sinceMs, spanMs) => {
      const { sinceMs: from, untilMs: to, cut } = ask(
        `market=KRW-BTC&interval=${interval}&since=${sinceMs}&until=${sinceMs + spanMs}`,
      );
      expect(bucketStartMs(interval, from)).toBe(from);
      expect(bucketStartMs(interval, to)).toBe(to);
      expect(to).toBe(
        bucketEndMs(interval, bucketStartMs(interval, Math.min(sinceMs + spanMs, NOW) - 1)),
      );
      let buckets = 0;
      for (let at = from; at < to; at = bucketEndMs(interval, at)) buckets++;
      expect(buckets).toBeLessThanOrEqual(COMPARE_BUCKETS_MAX);
      if (cut) expect(buckets).toBeGreaterThan(COMPARE_BUCKETS_MAX * 0.98);
      else expect(from).toBe(bucketStartMs(interval, sinceMs));
    },
  ));
});

test("what cannot be meant is refused by name", () => {
  const code = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return "none";
  };
  expect(code(() => ask(""))).toBe("market_missing");
  expect(code(() => ask("market=btc"))).toBe("market_invalid");
  expect(code(() => ask("market=KRW-BTC&interval=2m"))).toBe("interval_invalid");
  expect(code(() => ask(`market=KRW-BTC&since=${NOW}`))).toBe("range_empty");
  expect(code(() => ask("market=KRW-BTC&until=soon"))).toBe("until_invalid");
  expect(code(() => compareFormat("xml"))).toBe("format_invalid");
});
