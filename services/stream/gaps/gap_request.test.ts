import { describe, expect, test } from "vitest";
import { gapRequest, gapRequestKey } from "./gap_request.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12, 0, 0, 700);
const ask = (text: string) => gapRequest(new URLSearchParams(text), NOW_MS);

describe("gapRequest()", () => {
  test("asks for all markets over the last day by default, in whole seconds", () => {
    const untilMs = Date.UTC(2026, 10, 22, 12);
    expect(ask("")).toEqual({
      market: null,
      interval: "1s",
      sinceMs: untilMs - 86_400_000,
      untilMs,
    });
  });

  test("reads market, interval and times; what lies ahead of now is left out", () => {
    const wanted = ask(
      "market=KRW-BTC&interval=1h&since=2026-11-21T09:00:00.5Z&until=2026-11-23T09:00:00Z",
    );
    expect(gapRequestKey(wanted)).toBe(
      `KRW-BTC 1h ${Date.UTC(2026, 10, 21, 9)} ${Date.UTC(2026, 10, 22, 12)}`,
    );
  });

  test.each([
    ["market=btc", "market_invalid"],
    ["interval=2m", "interval_invalid"],
    ["since=yesterday", "since_invalid"],
    ["until=2026-02-30T00:00:00Z", "until_invalid"],
    ["since=2026-11-22T12:00:00Z", "range_empty"],
    ["since=2026-11-21T00:00:00Z&until=2026-11-20T00:00:00Z", "range_empty"],
    ["since=2026-10-01T00:00:00Z", "range_too_long"],
    ["market=KRW-BTC&since=2025-10-01T00:00:00Z", "range_too_long"],
  ])("refuses %s: %s", (text, code) => {
    expect(() => ask(text)).toThrow(expect.objectContaining({ code }));
  });

  test("a month of all markets is answered, and a year of one", () => {
    expect(ask("since=2026-10-23T00:00:00Z").market).toBeNull();
    expect(ask("market=KRW-BTC&since=2025-11-22T00:00:00Z").market).toBe("KRW-BTC");
  });
});
