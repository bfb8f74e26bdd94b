import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import type { CandleEvent } from "#core/event/candle_event.ts";
import type { TickerEvent } from "#core/event/ticker_event.ts";
import type { Failure } from "#core/failure.ts";
import type { Mark } from "#core/mark.ts";
import type { Market } from "#core/market.ts";
import { newer } from "#core/revision.ts";
import type { Listing } from "#core/upbit/listing.ts";

/** What a batch of records asks to be stored. Each item keeps its record, for the dead letter should it be refused. */
export interface Work {
  readonly seconds: readonly SecondWork[];
  readonly marks: readonly MarkWork[];
  readonly tickers: readonly TickerWork[];
  readonly listings: readonly ListingWork[];
  readonly refusals: readonly Refusal[];
}

export interface SecondWork {
  readonly event: CandleEvent;
  readonly record: ConsumedRecord;
}

export interface MarkWork {
  readonly mark: Mark;
  readonly record: ConsumedRecord;
}

export interface TickerWork {
  readonly event: TickerEvent;
  /** The exchange's element as it came. */
  readonly element: string;
}

export interface ListingWork {
  readonly market: Market;
  /** Null: the exchange no longer lists it. */
  readonly listing: Listing | null;
  /** The exchange's entry as it came; empty for a delisted market. */
  readonly element: string;
  readonly seenAtMs: number;
  readonly record: ConsumedRecord;
}

/** A record that cannot be stored, and what is therefore not covered. */
export interface Refusal {
  readonly record: ConsumedRecord;
  readonly failure: Failure;
  readonly hole: Hole | null;
}

/** A part of a market's seconds that was received but is not stored, [sinceMs, untilMs). */
export interface Hole {
  readonly market: Market;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export const NO_WORK: Work = { seconds: [], marks: [], tickers: [], listings: [], refusals: [] };

/**
 * Several batches as one, each key once: the newest revision of a second and of a ticker, the newest mark of a session
 * on a partition, the last listing of a market. Seconds come sorted by key, since statements that take row locks in one
 * order cannot deadlock.
 */
export function mergeWork(works: readonly Work[]): Work {
  const marks = new Map<string, MarkWork>();
  const tickers = new Map<Market, TickerWork>();
  const listings = new Map<Market, ListingWork>();
  const refusals: Refusal[] = [];
  for (const work of works) {
    for (const item of work.marks) {
      const key = `${item.record.partition} ${item.mark.session?.id ?? ""}`;
      const held = marks.get(key);
      if (held === undefined || item.mark.writtenAtMs >= held.mark.writtenAtMs) {
        marks.set(key, item);
      }
    }
    for (const ticker of work.tickers) {
      const held = tickers.get(ticker.event.market);
      if (held === undefined || newer(ticker.event.revision, held.event.revision)) {
        tickers.set(ticker.event.market, ticker);
      }
    }
    for (const listing of work.listings) listings.set(listing.market, listing);
    refusals.push(...work.refusals);
  }
  return {
    seconds: newestSeconds(works),
    marks: [...marks.values()],
    tickers: [...tickers.values()],
    listings: [...listings.values()],
    refusals,
  };
}

/** By market, since a batch has its market's seconds in order: to sort thousands of keys takes longer than to spell their rows. */
function newestSeconds(works: readonly Work[]): readonly SecondWork[] {
  const ofMarket = new Map<Market, SecondWork[]>();
  for (const { seconds } of works) {
    for (const second of seconds) {
      const list = ofMarket.get(second.event.market);
      if (list === undefined) ofMarket.set(second.event.market, [second]);
      else list.push(second);
    }
  }
  const newest: SecondWork[] = [];
  for (const market of [...ofMarket.keys()].sort()) {
    const list = ofMarket.get(market)!.sort((a, b) => a.event.startsAtMs - b.event.startsAtMs);
    let heldAtMs = NaN;
    for (const second of list) {
      const { startsAtMs, revision } = second.event;
      if (startsAtMs !== heldAtMs) newest.push(second);
      else if (newer(revision, newest.at(-1)!.event.revision)) newest[newest.length - 1] = second;
      heldAtMs = startsAtMs;
    }
  }
  return newest;
}

/** Rows a transaction would write for it. */
export function rowsOf(work: Work): number {
  return work.seconds.length + work.marks.length + work.listings.length + work.refusals.length;
}
