import fc from "fast-check";
import { expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { candleRevision, newer } from "#core/revision.ts";
import { CandleSeries } from "./candle_series.ts";
import type { SeriesRow } from "./series_row.ts";

function row(second: number, age: number, revisions = 0): SeriesRow {
  const price = decimal(String(100 + age));
  return {
    startsAtMs: second * 1_000,
    open: price,
    high: price,
    low: price,
    close: price,
    volume: decimal("0.00006119"),
    turnover: decimal("8.6"),
    lastTickAtMs: second * 1_000 + age,
    receivedAtMs: second * 1_000 + 1_007,
    origin: "websocket",
    revisions,
    revision: candleRevision(0, second * 1_000 + age, decimal("0.00006119")),
    closed: false,
    complete: false,
    untilMs: second * 1_000 + 1_000,
  };
}

const someRow = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 5 }));

test("however rows are ordered, split and repeated, the newest revision of each second stays", () => {
  fc.assert(fc.property(
    fc.array(fc.array(someRow, { maxLength: 12 }), { maxLength: 8 }),
    (batches) => {
      const series = new CandleSeries();
      const newest = new Map<number, SeriesRow>();
      for (const batch of batches) {
        const rows = batch.map(([second, age]) => row(second, age));
        series.merge(rows);
        for (const one of rows) {
          const held = newest.get(one.startsAtMs);
          if (held === undefined || newer(one.revision, held.revision)) {
            newest.set(one.startsAtMs, one);
          }
        }
      }
      const starts = [...newest.keys()].sort((a, b) => a - b);
      expect(series.columns.startsAtMs).toEqual(starts);
      expect(series.columns.close).toEqual(starts.map((ms) => Number(newest.get(ms)!.close)));
      for (const [at, ms] of starts.entries()) {
        expect(series.row(at)!.revision).toBe(newest.get(ms)!.revision);
      }
    },
  ));
});

test("an equal or older revision changes nothing, and says so", () => {
  const series = new CandleSeries();
  expect(series.merge([row(5, 3)])).toBe(1);
  const { version } = series;
  expect(series.merge([row(5, 3)])).toBe(0);
  expect(series.merge([row(5, 2)])).toBe(0);
  expect(series.version).toBe(version);
  expect(series.columns.close).toEqual([103]);
});

test("a late revision counts, and the page that holds the same revision knows the count better", () => {
  const series = new CandleSeries();
  series.merge([row(5, 1)]);
  series.merge([row(5, 2)]);
  expect(series.row(0)!.revisions).toBe(1);
  series.merge([{ ...row(5, 2, 4), closed: true }]);
  expect(series.row(0)).toMatchObject({ revisions: 4, closed: true, close: "102" });
});

test("at the limit the oldest give way while following, the newest while paging back", () => {
  const series = new CandleSeries(20);
  series.merge(Array.from({ length: 20 }, (_, at) => row(100 + at, 0)));
  series.merge([row(120, 0)]);
  expect(series.last!.startsAtMs).toBe(120_000);
  expect(series.length).toBeLessThanOrEqual(20);
  expect(series.first!.startsAtMs).toBeGreaterThan(100_000);
  series.merge(Array.from({ length: 15 }, (_, at) => row(50 + at, 0)), "newest");
  expect(series.length).toBe(20);
  expect(series.first!.startsAtMs).toBe(50_000);
  expect(series.last!.startsAtMs).toBeLessThan(120_000);
  expect(series.columns.close).toHaveLength(20);
});
