import { assert } from "./assert.ts";
import type { Candle } from "./candle.ts";
import { compareDecimals, type Decimal, sumDecimals } from "./decimal.ts";
import { bucketEndMs, bucketStartMs, type Interval } from "./interval.ts";

/** A candle of a bucket that need not be over: everything before `untilMs` (ms, exclusive) is in it. */
export interface FoldedCandle extends Candle {
  readonly untilMs: number;
}

/**
 * The one fold of the project: what PostgreSQL has folded, and the seconds it has not folded yet. The API and the browser
 * use it alike, so that an hour's candle is whole also in the seconds after a minute's end.
 *
 * @param row the newest stored candle of the interval, closed or forming; null when there is none
 * @param seconds with starts at or after the row's `untilMs`, ascending, of the row's market; shorter candles of another
 * interval fold as well when they tile this one
 * @returns the buckets that the seconds reach, ascending; the first continues the row where they share a bucket. Empty
 * without seconds: then the row is all there is
 */
export function foldOnto(
  interval: Interval,
  row: FoldedCandle | null,
  seconds: readonly Candle[],
): readonly FoldedCandle[] {
  const buckets: Candle[][] = [];
  let held: Candle | null = null;
  for (const second of seconds) {
    assert(
      held === null || (second.startsAtMs > held.startsAtMs && second.market === held.market),
      "seconds ascend and are of one market",
      second.startsAtMs,
    );
    const startsAtMs = bucketStartMs(interval, second.startsAtMs);
    if (held === null || bucketStartMs(interval, held.startsAtMs) !== startsAtMs) buckets.push([]);
    buckets.at(-1)!.push(second);
    held = second;
  }
  return buckets.map((bucket, at) => {
    const startsAtMs = bucketStartMs(interval, bucket[0]!.startsAtMs);
    const last = bucket.at(-1)!;
    const untilMs = bucketEndMs(last.interval, last.startsAtMs);
    if (at > 0 || row === null) return { ...foldCandles(interval, bucket), untilMs };
    assert(
      bucket[0]!.startsAtMs >= row.untilMs && bucket[0]!.market === row.market,
      "seconds follow what is folded in",
      bucket[0]!.startsAtMs,
    );
    const parts = row.startsAtMs === startsAtMs ? [row, ...bucket] : bucket;
    return { ...foldCandles(interval, parts), untilMs };
  });
}

/**
 * One candle from its parts.
 *
 * @param parts at least one, ascending, of one market and within one bucket of the interval
 */
export function foldCandles(interval: Interval, parts: readonly Candle[]): Candle {
  const [first] = parts;
  const last = parts.at(-1);
  assert(first !== undefined && last !== undefined, "a candle is folded from something", interval);
  const startsAtMs = bucketStartMs(interval, first.startsAtMs);
  assert(
    bucketStartMs(interval, last.startsAtMs) === startsAtMs,
    "parts lie within one bucket",
    last.startsAtMs,
  );
  return {
    market: first.market,
    interval,
    startsAtMs,
    open: first.open,
    high: most(parts.map(({ high }) => high), 1),
    low: most(parts.map(({ low }) => low), -1),
    close: last.close,
    volume: sumDecimals(parts.map(({ volume }) => volume)),
    turnover: sumDecimals(parts.map(({ turnover }) => turnover)),
    // of all and not of the last part: a second's last tick may have been stored after the next second's
    lastTickAtMs: Math.max(...parts.map(({ lastTickAtMs }) => lastTickAtMs)),
  };
}

function most(values: readonly Decimal[], sign: 1 | -1): Decimal {
  return values.reduce((a, b) => compareDecimals(b, a) * sign > 0 ? b : a);
}
