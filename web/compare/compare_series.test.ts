import { expect, test } from "vitest";
import type { CompareBucket, CompareRow, CompareVerdict } from "#core/compare_page.ts";
import { decimal } from "#core/decimal.ts";
import { compareSeries } from "./compare_series.ts";

function row(price: number): CompareRow {
  const at = decimal(String(price));
  return { open: at, high: at, low: at, close: at, volume: decimal("1"), turnover: at };
}

function bucket(
  verdict: CompareVerdict,
  second: number,
  ours: CompareRow | null,
  theirs: CompareRow | null,
): CompareBucket {
  const startsAtMs = second * 1_000;
  return { startsAtMs, verdict, state: null, reason: null, fetchedAtMs: null, ours, theirs };
}

test("their side has the rows that are not kept because ours are the same, and no other of ours", () => {
  const buckets = [
    bucket("match", 1, row(1), null),
    bucket("taken", 2, row(2), null),
    bucket("differ", 3, row(3), row(33)),
    bucket("missing_here", 4, null, row(4)),
    bucket("missing_there", 5, row(5), null),
    bucket("incomplete", 6, row(6), null),
    bucket("pending", 7, row(7), null),
    bucket("not_fetched", 8, row(8), null),
  ];
  const closes = (side: "ours" | "theirs") => {
    const series = compareSeries("1s", buckets, side);
    return Array.from({ length: series.length }, (_, at) => series.row(at)!)
      .map(({ startsAtMs, close }) => [startsAtMs / 1_000, close]);
  };
  expect(closes("theirs")).toEqual([[1, "1"], [2, "2"], [3, "33"], [4, "4"]]);
  expect(closes("ours"))
    .toEqual([[1, "1"], [2, "2"], [3, "3"], [5, "5"], [6, "6"], [7, "7"], [8, "8"]]);
});
