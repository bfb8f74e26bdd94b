import { expect, test } from "vitest";
import type { LedgerRow } from "./ledger.ts";
import { csv, isDifference, reportLines } from "./report.ts";
import { spanMs } from "./span.ts";

const side = (volume: string) => ({
  open: "1",
  high: "2",
  low: "1",
  close: "2",
  volume,
  turnover: "3.10000000000000000001",
  last_tick_at_ms: 5,
});
const row = (startsAtMs: number, more: Partial<LedgerRow> = {}): LedgerRow => ({
  startsAtMs,
  verdict: "match",
  state: null,
  reason: "",
  ours: side("1"),
  theirs: null,
  ...more,
});
const ROWS: readonly LedgerRow[] = [
  row(0),
  row(1_000, { verdict: "differ", state: "agreed", reason: "later", theirs: side("1") }),
  row(2_000, {
    verdict: "missing_here",
    state: "corrected",
    reason: 'two "equal"',
    ours: null,
    theirs: side("2"),
  }),
];

test("the report counts, shows each difference with both rows, and says so at the end", () => {
  const lines = reportLines(ROWS, 0, 3_000);
  expect(lines[0]).toBe("compared 1970-01-01T00:00:00Z to 1970-01-01T00:00:03Z: 3 candles");
  expect(lines).toContain("        1  missing_here, corrected");
  expect(lines).toContain("      here     none");
  expect(lines.at(-1)).toBe("DIFFERENT: 1 of 3 candles");
  expect(reportLines(ROWS.slice(0, 2), 0, 3_000).at(-1)).toMatch(/^EQUAL/);
  expect(reportLines([], 0, 3_000).at(-1)).toBe("NOTHING was compared");
});

test("what agrees and is partly the exchange's own is told apart, and proves nothing", () => {
  const taken = row(3_000, { verdict: "taken" });
  const lines = reportLines([...ROWS.slice(0, 1), taken], 0, 4_000);
  expect(lines[0]).toMatch(/: 1 candles$/);
  expect(lines[1]).toBe(
    "left out: 1 that agree, but were folded in part from what the exchange gave us",
  );
  expect(lines.at(-1)).toMatch(/^EQUAL/);
  expect(reportLines([taken], 0, 4_000).at(-1)).toBe("NOTHING was compared");
  expect(csv([taken])).toContain(",taken,");
});

test("what agreed in the end is no difference, what was corrected is", () => {
  expect(ROWS.map(isDifference)).toEqual([false, false, true]);
});

test("the CSV has a line for each candle, decimals as they are stored", () => {
  const [header, first, , third] = csv(ROWS).split("\n");
  expect(header!.split(",")).toHaveLength(16);
  expect(first).toBe('1970-01-01T00:00:00Z,match,,1,2,1,2,1,3.10000000000000000001,,,,,,,""');
  expect(third).toBe(
    '1970-01-01T00:00:02Z,missing_here,corrected,,,,,,,1,2,1,2,2,3.10000000000000000001,"two ""equal"""',
  );
});

test("spans are a number with a unit", () => {
  expect(spanMs("last", "24h")).toBe(86_400_000);
  for (const text of ["", "0m", "1w", "1.5h", "h"]) {
    expect(() => spanMs("last", text)).toThrow(expect.objectContaining({ code: "usage" }));
  }
});
