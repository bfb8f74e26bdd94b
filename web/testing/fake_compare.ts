import {
  type CompareBucket,
  type ComparePage,
  type CompareRow,
  encodeCompareCsv,
  encodeComparePage,
} from "#core/compare_page.ts";
import { decimal } from "#core/decimal.ts";
import { bucketEndMs, bucketStartMs, type Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";

type RowAt = (startsAtMs: number) => CompareRow | null;

/** The comparison as a server would answer it: nothing is fetched before it is wished for, and then a half at each question. */
export class FakeCompare {
  /** Times the page asked that the exchange be asked. */
  wishes = 0;
  #fetchedUntilMs = 0;

  wish(): string {
    this.wishes++;
    return `{"outcome":"wished"}`;
  }

  body(
    market: Market,
    interval: Interval,
    stretch: { readonly sinceMs: number; readonly untilMs: number },
    rowAt: RowAt,
    csv: boolean,
  ): string {
    const sinceMs = bucketStartMs(interval, stretch.sinceMs);
    const untilMs = bucketStartMs(interval, stretch.untilMs);
    if (this.wishes > 0) {
      const doneMs = Math.max(this.#fetchedUntilMs, sinceMs);
      const halfMs = bucketEndMs(interval, doneMs + (untilMs - doneMs) / 2);
      this.#fetchedUntilMs = halfMs - doneMs < (untilMs - sinceMs) / 4 ? untilMs : halfMs;
    }
    const buckets: CompareBucket[] = [];
    for (let ms = sinceMs; ms < untilMs; ms = bucketEndMs(interval, ms)) {
      const ours = rowAt(ms);
      if (ours !== null) buckets.push(bucketOf(interval, ms, ours, this.#fetchedUntilMs));
    }
    const fetchedMs = Math.max(sinceMs, Math.min(this.#fetchedUntilMs, untilMs));
    const page: ComparePage = {
      market,
      interval,
      sinceMs,
      untilMs,
      cut: false,
      notFetched: fetchedMs < untilMs ? [{ sinceMs: fetchedMs, untilMs }] : [],
      givenSinceMs: null,
      wished: this.wishes > 0,
      buckets,
    };
    return csv ? encodeCompareCsv(page) : encodeComparePage(page);
  }
}

function bucketOf(
  interval: Interval,
  startsAtMs: number,
  ours: CompareRow,
  fetchedUntilMs: number,
): CompareBucket {
  const bucket = { startsAtMs, state: null, reason: null, fetchedAtMs: null, ours, theirs: null };
  if (startsAtMs >= fetchedUntilMs) return { ...bucket, verdict: "not_fetched" };
  const nth = Math.round(startsAtMs / (bucketEndMs(interval, 0) - bucketStartMs(interval, 0)));
  const known = { ...bucket, fetchedAtMs: startsAtMs + 3_600_000, theirs: ours };
  if (nth % 97 === 3) {
    return {
      ...known,
      verdict: "differ",
      state: "confirmed",
      reason: "two equal answers of the exchange differ; what it is made of is compared",
      theirs: {
        ...ours,
        high: decimal(String(Number(ours.high) + 1)),
        volume: decimal((Number(ours.volume) + 0.00010001).toFixed(8)),
        turnover: decimal((Number(ours.turnover) * 1.0001).toFixed(8)),
      },
    };
  }
  if (nth % 211 === 5) return { ...known, verdict: "missing_there", state: "open", theirs: null };
  if (nth % 211 === 9) return { ...known, verdict: "missing_here", state: "open", ours: null };
  if (nth % 31 === 7) return { ...known, verdict: "taken" };
  if (nth % 13 === 5) return { ...known, verdict: "match_rounded" };
  return { ...known, verdict: "match" };
}
