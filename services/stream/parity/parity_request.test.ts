import { describe, expect, test } from "vitest";
import { parityRequest, parityRequestKey } from "./parity_request.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12, 0, 0, 700);
const ask = (text: string) => parityRequest(new URLSearchParams(text), NOW_MS);

describe("parityRequest()", () => {
  test("asks for all markets and intervals of the last day where nothing is said", () => {
    const untilMs = Date.UTC(2026, 10, 22, 12);
    expect(ask("")).toEqual({
      market: null,
      interval: null,
      sinceMs: untilMs - 86_400_000,
      untilMs,
    });
  });

  test("takes whole seconds, and nothing ahead of now", () => {
    const wanted = ask(
      "market=KRW-BTC&interval=1h&since=2026-11-21T09:00:00.5Z&until=2026-11-23T09:00:00Z",
    );
    expect(parityRequestKey(wanted)).toBe(
      `KRW-BTC 1h ${Date.UTC(2026, 10, 21, 9)} ${Date.UTC(2026, 10, 22, 12)}`,
    );
  });

  test.each([
    ["market=btc", "market_invalid"],
    ["interval=2m", "interval_invalid"],
    ["since=yesterday", "since_invalid"],
    ["until=2026-02-30T00:00:00Z", "until_invalid"],
    ["since=2026-11-22T12:00:00Z", "range_empty"],
    ["since=2026-10-01T00:00:00Z", "range_too_long"],
    ["market=KRW-BTC&since=2025-10-01T00:00:00Z", "range_too_long"],
  ])("refuses %s: %s", (text, code) => {
    expect(() => ask(text)).toThrow(expect.objectContaining({ code }));
  });
});
