import type { CandleEvent } from "#core/event/candle_event.ts";
import { encodeCandleEvent } from "#core/event/candle_event.ts";
import type { Market } from "#core/market.ts";
import { newer, type Revision } from "#core/revision.ts";
import type { Work } from "./work.ts";

export interface State {
  readonly revision: Revision;
  readonly payload: string;
}

/** Seconds waiting for Redis; what comes above it makes its market stale instead. About 20 MB. */
export const SECONDS_PENDING_MAX = 50_000;

/**
 * What is to be written into Redis, merged by revision: at most one ticker, candle and listing per market, and a bounded
 * number of seconds.
 */
export class LatestStates {
  readonly tickers = new Map<Market, State>();
  readonly candles = new Map<Market, State>();
  /** The exchange's entry; null: no longer listed. */
  readonly listings = new Map<Market, string | null>();
  readonly seconds = new Map<Market, Map<number, State>>();
  #secondsCount = 0;

  get size(): number {
    return this.tickers.size + this.candles.size + this.listings.size + this.#secondsCount;
  }

  get secondsCount(): number {
    return this.#secondsCount;
  }

  /** @returns the markets whose seconds found no room: their sets miss a write */
  add(work: Work): readonly Market[] {
    for (const { event, element } of work.tickers) {
      put(this.tickers, event.market, { revision: event.revision, payload: element });
    }
    for (const { market, listing, element } of work.listings) {
      this.listings.set(market, listing === null ? null : element);
    }
    const refused = new Set<Market>();
    for (const { event } of work.seconds) {
      const state = { revision: event.revision, payload: encodeCandleEvent(event) };
      this.#addCandle(event, state);
      if (!this.#addSecond(event.market, event.startsAtMs, state)) refused.add(event.market);
    }
    return [...refused];
  }

  /** Takes back what was not written, unless something newer came meanwhile; seconds are not taken back. */
  restore(unwritten: LatestStates): void {
    for (const [market, state] of unwritten.tickers) put(this.tickers, market, state);
    for (const [market, state] of unwritten.candles) put(this.candles, market, state);
    for (const [market, element] of unwritten.listings) {
      if (!this.listings.has(market)) this.listings.set(market, element);
    }
  }

  /** Forgets a market's seconds. */
  dropSeconds(market: Market): void {
    this.#secondsCount -= this.seconds.get(market)?.size ?? 0;
    this.seconds.delete(market);
  }

  /** The latest candle is the one of the latest second, and of that second its newest revision. */
  #addCandle({ market, startsAtMs }: CandleEvent, { revision, payload }: State): void {
    put(this.candles, market, { revision: latestCandleRevision(startsAtMs, revision), payload });
  }

  #addSecond(market: Market, startsAtMs: number, state: State): boolean {
    let seconds = this.seconds.get(market);
    if (seconds === undefined) this.seconds.set(market, seconds = new Map());
    const held = seconds.get(startsAtMs);
    if (held === undefined) {
      if (this.#secondsCount >= SECONDS_PENDING_MAX) {
        if (seconds.size === 0) this.seconds.delete(market);
        return false;
      }
      this.#secondsCount++;
    }
    if (held === undefined || newer(state.revision, held.revision)) seconds.set(startsAtMs, state);
    return true;
  }
}

/**
 * Order of a market's latest candles: first the second, then its revision. A second's revision alone would not do: a
 * parity correction of an old second outranks the newest one's.
 */
export function latestCandleRevision(startsAtMs: number, revision: Revision): Revision {
  return (startsAtMs.toString(36).padStart(9, "0") + revision) as Revision;
}

function put(states: Map<Market, State>, market: Market, state: State): void {
  const held = states.get(market);
  if (held === undefined || newer(state.revision, held.revision)) states.set(market, state);
}
