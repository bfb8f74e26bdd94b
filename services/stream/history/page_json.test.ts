import { describe, expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { market } from "#core/market.ts";
import { candleRevision } from "#core/revision.ts";
import type { CandleRows } from "./candle_rows.ts";
import { secondsPageJson } from "./page_json.ts";

const request = { market: market("KRW-BTC"), interval: "1s", toMs: null, count: 200 } as const;

const rows: CandleRows = {
  starts_at_ms: "1000,2000,5000",
  open: "1,2,104890599315.22821",
  high: "1,2,3",
  low: "1,2,3",
  close: "1,2,3",
  volume: "0.1,0.20000000000000000001,3",
  turnover: "1,2,3",
  last_tick_at_ms: "1500,2500,5500",
  received_at_ms: "2007,6500,6007",
  correction_ms: "0,0,99",
  origin: "websocket,websocket,replay",
  revisions: "0,3,32767",
  covered: "t,f,t",
  more: true,
  known_until_ms: 6_007,
  gone: [],
};

describe("secondsPageJson()", () => {
  test("passes the database's digits through and derives what a reader merges by", () => {
    const text = secondsPageJson(request, rows);
    expect(text).toContain('"open":[1,2,104890599315.22821]');
    expect(text).toContain('"volume":[0.1,0.20000000000000000001,3]');
    const page = JSON.parse(text);
    expect(page).toMatchObject({
      market: "KRW-BTC",
      interval: "1s",
      known_until_ms: 6_007,
      more: true,
    });
    expect(page.columns).toMatchObject({
      starts_at_ms: [1_000, 2_000, 5_000],
      revisions: [0, 3, 32_767],
      revision: [
        candleRevision(0, 1_500, decimal("0.1")),
        candleRevision(0, 2_500, decimal("0.20000000000000000001")),
        candleRevision(99, 5_500, decimal("3")),
      ],
      // closed: a mark later than the end and the receipt is stored
      closed: [true, false, false],
      complete: [true, false, true],
      until_ms: [2_000, 3_000, 6_000],
    });
    const lengths = new Set(Object.values(page.columns).map((column) => (column as []).length));
    expect([...lengths]).toEqual([3]);
  });

  test("no rows are empty columns", () => {
    const empty = Object.fromEntries(Object.keys(rows).map((name) => [name, ""]));
    const page = JSON.parse(
      secondsPageJson(request, { ...empty, more: false, known_until_ms: 0 } as CandleRows),
    );
    expect(Object.values(page.columns).every((column) => (column as []).length === 0)).toBe(true);
  });
});
