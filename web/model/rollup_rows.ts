import type { Candle } from "#core/candle.ts";
import type { CandlePage, FoldedParts } from "#core/candle_page.ts";
import type { CandleEvent } from "#core/event/candle_event.ts";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { type FoldedCandle, foldOnto } from "#core/fold.ts";
import { bucketEndMs, bucketStartMs, type Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";
import { newer, rollupRevision } from "#core/revision.ts";
import { CandleSeries, type GivesWay } from "./candle_series.ts";
import type { FeedRows } from "./feed_rows.ts";
import { type Part, PartStore } from "./part_store.ts";
import { rowFromRollup, rowsFromColumns, rowsFromPage, type SeriesRow } from "./series_row.ts";
import { Tombstones } from "./tombstones.ts";

/** Older than any stored roll-up: whatever comes from the drain replaces a candle that was never stored. */
const UNSTORED = rollupRevision(0, 0);

/** A bucket is stored as closed within seconds of its end, or after 30 s flagged incomplete. */
const CLOSES_WITHIN_MS = 45_000;

/**
 * Roll-ups as the database stores them, and onto each that is not closed the seconds it does not contain yet, by the fold
 * that the server uses. A stored row that arrives replaces what was folded before; its seconds are dropped.
 */
export class RollupRows implements FeedRows {
  readonly series: CandleSeries;
  readonly #market: Market;
  readonly #interval: Interval;
  readonly #parts: PartStore;
  /** Stored rows of the buckets that are shown with seconds folded on. */
  readonly #stored = new Map<number, SeriesRow>();
  readonly #gone = new Tombstones();
  /** What the newest page said of the coverage of its forming buckets. */
  readonly #covered = new Map<number, boolean>();
  /** All seconds from then on (ms) are held or in stored rows; Infinity before the first page of a connection. */
  #heldSinceMs = Infinity;
  #wantsPage = false;

  constructor(
    market: Market,
    interval: Interval,
    series = new CandleSeries(),
    parts = new PartStore(),
  ) {
    this.#market = market;
    this.#interval = interval;
    this.series = series;
    this.#parts = parts;
  }

  /** Shown stays what was shown until a page closes the hole: a sum over a hole would be wrong. */
  begin(): void {
    this.#heldSinceMs = Infinity;
  }

  page(page: CandlePage, givesWay?: GivesWay): void {
    const { folded } = page;
    const rows = rowsFromPage(page);
    if (folded === undefined) {
      this.#takeStored(rows, givesWay);
      return;
    }
    const firstPartMs = folded.parts.starts_at_ms[0];
    const foldedFromMs = firstPartMs === undefined ? Infinity : this.#bucket(firstPartMs);
    this.#covered.clear();
    for (const row of rows) {
      if (row.startsAtMs >= foldedFromMs) this.#covered.set(row.startsAtMs, row.complete);
    }
    this.#takeParts(folded);
    this.#heldSinceMs = folded.since_ms;
    this.#wantsPage = false;
    this.#takeStored(
      [
        ...rows.filter(({ startsAtMs }) => startsAtMs < foldedFromMs),
        ...rowsFromColumns(folded.stored),
      ],
      givesWay,
    );
    this.#showParts();
  }

  second(event: CandleEvent): boolean {
    if (event.interval !== "1s" || event.startsAtMs < this.#containedUntilMs(event.startsAtMs)) {
      return false; // in a stored row, which the drain is about to renew
    }
    if (event.deleted === true) {
      this.#parts.dropWithin(event.startsAtMs, bucketEndMs("1s", event.startsAtMs));
      return this.#heldSinceMs !== Infinity && this.#show(this.#bucket(event.startsAtMs));
    }
    const put = this.#parts.put({ candle: event, revision: event.revision });
    if (put === "full") this.#wantsPage = true;
    if (put === "old" || this.#heldSinceMs === Infinity) return false;
    return this.#show(this.#bucket(event.startsAtMs));
  }

  rollup(event: PostgresCandleEvent): boolean {
    if (event.interval !== this.#interval) return false;
    const row = rowFromRollup(event);
    if (event.deleted) return this.#delete(row);
    if (!event.closed && event.untilMs < this.#heldSinceMs && this.#heldSinceMs !== Infinity) {
      // seconds between its `until` and those held are unknown here: the newest page has them
      const shown = this.series.rowAt(row.startsAtMs);
      if (shown !== undefined && shown.untilMs > row.untilMs) {
        this.#wantsPage = true;
        return false;
      }
    }
    return this.#takeStored([row]);
  }

  wantsPage(nowMs: number): boolean {
    if (this.#wantsPage) return true;
    const before = this.series.row(this.series.length - 2);
    return before !== undefined && !before.closed &&
      nowMs > bucketEndMs(this.#interval, before.startsAtMs) + CLOSES_WITHIN_MS;
  }

  clear(): void {
    this.series.clear();
    this.#stored.clear();
    this.#parts.drop(() => true);
    this.#covered.clear();
    this.#heldSinceMs = Infinity;
    this.#wantsPage = false;
  }

  #bucket(timeMs: number): number {
    return bucketStartMs(this.#interval, timeMs);
  }

  /** The newest stored row of the bucket, without what is folded on. */
  #storedRow(startsAtMs: number): SeriesRow | undefined {
    const held = this.#stored.get(startsAtMs);
    if (held !== undefined) return held;
    const shown = this.series.rowAt(startsAtMs);
    return shown?.revision === UNSTORED ? undefined : shown;
  }

  #containedUntilMs(secondMs: number): number {
    const stored = this.#storedRow(this.#bucket(secondMs));
    const sinceMs = this.#heldSinceMs === Infinity ? 0 : this.#heldSinceMs;
    return Math.max(stored?.untilMs ?? 0, sinceMs);
  }

  /** Rows as the database has them. @returns whether any changed what is shown */
  #takeStored(rows: readonly SeriesRow[], givesWay?: GivesWay): boolean {
    const taken: SeriesRow[] = [];
    for (const row of rows) {
      if (this.#gone.covers(row.startsAtMs, row.revision)) continue;
      const stored = this.#storedRow(row.startsAtMs);
      if (stored !== undefined && !supersedes(row, stored)) continue;
      this.#parts.dropWithin(row.startsAtMs, row.untilMs);
      const shown = this.series.rowAt(row.startsAtMs);
      if (this.#heldSinceMs === Infinity && shown !== undefined && shown.untilMs > row.untilMs) {
        this.#stored.set(row.startsAtMs, row); // shown with its seconds once the page tells them
        continue;
      }
      this.#stored.delete(row.startsAtMs);
      taken.push(row);
    }
    if (taken.length === 0) return false;
    this.series.put(taken, givesWay);
    if (this.#heldSinceMs !== Infinity) {
      for (const { startsAtMs, closed } of taken) if (!closed) this.#show(startsAtMs);
    }
    return true;
  }

  #takeParts({ since_ms: sinceMs, parts }: FoldedParts): void {
    // minutes of an earlier page may hold what is stored or better known now
    this.#parts.drop(({ candle }) => candle.interval === "1m" || candle.startsAtMs < sinceMs);
    for (const part of partsFrom(this.#market, parts)) this.#parts.put(part);
  }

  #showParts(): void {
    const buckets = new Set<number>(this.#stored.keys());
    for (const { candle } of this.#parts) buckets.add(this.#bucket(candle.startsAtMs));
    for (const startsAtMs of [...buckets].sort((a, b) => a - b)) this.#show(startsAtMs);
  }

  /** Folds the bucket's seconds onto its stored row, and shows that. */
  #show(startsAtMs: number): boolean {
    const stored = this.#storedRow(startsAtMs);
    const endMs = bucketEndMs(this.#interval, startsAtMs);
    const parts = this.#parts.within(stored?.untilMs ?? startsAtMs, endMs);
    if (parts.length === 0) {
      // nothing more to fold on: what is stored is all there is
      if (stored === undefined || !this.#stored.delete(startsAtMs)) return false;
      this.series.put([stored]);
      return true;
    }
    const onto = stored === undefined ? null : this.#candleOf(stored);
    const [candle] = foldOnto(this.#interval, onto, parts) as [FoldedCandle];
    if (stored !== undefined) this.#stored.set(startsAtMs, stored);
    this.series.put([{
      ...candle,
      receivedAtMs: null,
      origin: null,
      revisions: null,
      revision: stored?.revision ?? UNSTORED,
      closed: false,
      complete: this.#covered.get(startsAtMs) ?? stored?.complete ?? true,
    }]);
    return true;
  }

  #candleOf(row: SeriesRow): FoldedCandle {
    return { ...row, market: this.#market, interval: this.#interval };
  }

  #delete(row: SeriesRow): boolean {
    const stored = this.#storedRow(row.startsAtMs);
    if (stored !== undefined && !newer(row.revision, stored.revision)) return false;
    if (!this.#gone.add(row.startsAtMs, row.revision)) return false;
    this.#stored.delete(row.startsAtMs);
    this.#parts.dropWithin(row.startsAtMs, row.untilMs);
    this.series.remove(row.startsAtMs);
    this.#show(row.startsAtMs);
    return true;
  }
}

/** Of two stored states of a bucket the newer revision; of the same one, which a page by `to` folds on, the longer. */
function supersedes(row: SeriesRow, held: SeriesRow): boolean {
  return newer(row.revision, held.revision) ||
    (row.revision === held.revision && row.untilMs > held.untilMs);
}

function partsFrom(market: Market, columns: FoldedParts["parts"]): Part[] {
  return columns.starts_at_ms.map((startsAtMs, at) => {
    const candle: Candle = {
      market,
      interval: columns.interval[at]!,
      startsAtMs,
      open: columns.open[at]!,
      high: columns.high[at]!,
      low: columns.low[at]!,
      close: columns.close[at]!,
      volume: columns.volume[at]!,
      turnover: columns.turnover[at]!,
      lastTickAtMs: columns.last_tick_at_ms[at]!,
    };
    return { candle, revision: columns.revision[at]! };
  });
}
