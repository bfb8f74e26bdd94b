import type { CandleEvent } from "#core/event/candle_event.ts";
import type { LinkEvent } from "#core/event/link_event.ts";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import type { TickerEvent } from "#core/event/ticker_event.ts";
import type { Mark } from "#core/mark.ts";
import type { Market } from "#core/market.ts";
import { newer } from "#core/revision.ts";
import type { Listing } from "#core/upbit/listing.ts";
import {
  candleLive,
  linkLive,
  type LiveEvent,
  rollupLive,
  storedSecondLive,
  tickerLive,
} from "../live_event.ts";
import { LinkTracker } from "./link_tracker.ts";
import { RevisionMemory } from "./revision_memory.ts";
import { TailRing } from "./tail_ring.ts";

export interface BoardLimits {
  /** Seconds held for tails, over all partitions; the oldest give way. */
  readonly tailRowsMax: number;
  readonly partitions: number;
}

/** How long a second is held after it was received, ms, even when it is stored long since. */
export const TAIL_MS = 60_000;
/** Seconds per market whose revision is remembered. */
const REVISIONS_MAX = 600;
/** Buckets per market and interval whose revision is remembered: the forming one, and those that late seconds still reach. */
const ROLLUP_REVISIONS_MAX = 8;
/** Of the rows held for tails, how many may be roll-ups beside the seconds: while history is filled there are many. */
const ROLLUPS_SHARE = 0.25;
/** A roll-up is stored before it is sent: it need not be held for that. */
const STORED = 1n << 63n;

const UNKNOWN_LINK: LinkEvent = { link: "down", cause: "started", writtenAtMs: 0, untilMs: 0 };

interface Latest {
  readonly event: TickerEvent;
  readonly live: LiveEvent;
}

/**
 * What this replica knows: the newest ticker of each market, the tail of seconds, names, the link. Every step takes what
 * a record said and gives the change to send, or null when it was no news: an older revision is never news.
 */
export class Board {
  readonly #tickers = new Map<Market, Latest>();
  readonly #listings = new Map<Market, Listing>();
  readonly #revisions = new Map<Market, RevisionMemory>();
  readonly #rings: readonly TailRing[];
  readonly #rollupRevisions = new Map<string, RevisionMemory>();
  readonly #rollupRings: readonly TailRing[];
  readonly #link = new LinkTracker();
  #markClockMs = 0;
  #newestCandle: CandleEvent | null = null;
  #newestTickerReceivedAtMs = 0;
  #tailDropped = 0;

  constructor({ tailRowsMax, partitions }: BoardLimits) {
    const rowsMax = Math.max(1, Math.floor(tailRowsMax / partitions));
    this.#rings = Array.from({ length: partitions }, () => new TailRing(rowsMax));
    const rollupsMax = Math.max(1, Math.floor(rowsMax * ROLLUPS_SHARE));
    this.#rollupRings = Array.from({ length: partitions }, () => new TailRing(rollupsMax));
    for (const ring of this.#rollupRings) ring.committed(STORED);
  }

  takeTicker(event: TickerEvent): LiveEvent | null {
    if (event.receivedAtMs > this.#newestTickerReceivedAtMs) {
      this.#newestTickerReceivedAtMs = event.receivedAtMs;
    }
    return this.rememberTicker(event);
  }

  /** A ticker known from a snapshot. */
  rememberTicker(event: TickerEvent): LiveEvent | null {
    const held = this.#tickers.get(event.market);
    if (held !== undefined && !newer(event.revision, held.event.revision)) return null;
    const live = tickerLive(event);
    this.#tickers.set(event.market, { event, live });
    return live;
  }

  takeCandle(event: CandleEvent, partition: number, offset: bigint): LiveEvent | null {
    if (!this.rememberCandle(event)) return null;
    const live = candleLive(event);
    const { market, startsAtMs, receivedAtMs } = event;
    this.#tailDropped += this.#rings[partition]!.add({
      market,
      startsAtMs,
      receivedAtMs,
      offset,
      data: live.data,
    });
    return live;
  }

  /** A second known from a snapshot: not part of a tail, but nothing older may follow it. */
  rememberCandle(event: CandleEvent): boolean {
    let memory = this.#revisions.get(event.market);
    if (memory === undefined) {
      this.#revisions.set(event.market, memory = new RevisionMemory(REVISIONS_MAX));
    }
    if (!memory.advance(event.startsAtMs, event.revision)) return false;
    if (this.#newestCandle === null || event.receivedAtMs > this.#newestCandle.receivedAtMs) {
      this.#newestCandle = event;
    }
    return true;
  }

  /**
   * A second that did not come from the socket: an answer of the exchange filled or corrected it. It is in PostgreSQL before it
   * is told, so it begins no tail; in one that holds an older revision it takes its place. Nothing live gives way to it.
   */
  takeStoredSecond(event: CandleEvent, partition: number): LiveEvent | null {
    const { market, startsAtMs, revision } = event;
    const memory = this.#revisions.get(market);
    if (memory?.remembers(startsAtMs) === true && !memory.advance(startsAtMs, revision)) {
      return null;
    }
    const live = storedSecondLive(event);
    this.#rings[partition]!.amend(market, startsAtMs, live.data);
    return live;
  }

  /** @param sentAtMs when the relay sent it, ms */
  takeRollup(
    event: PostgresCandleEvent,
    partition: number,
    offset: bigint,
    sentAtMs: number,
  ): LiveEvent | null {
    const { market, interval, startsAtMs } = event;
    const key = `${market} ${interval}`;
    let memory = this.#rollupRevisions.get(key);
    if (memory === undefined) {
      this.#rollupRevisions.set(key, memory = new RevisionMemory(ROLLUP_REVISIONS_MAX));
    }
    if (!memory.advance(startsAtMs, event.revision)) return null;
    const live = rollupLive(event);
    const { data } = live;
    this.#rollupRings[partition]!
      .add({ market, startsAtMs, interval, receivedAtMs: sentAtMs, offset, data });
    return live;
  }

  /** @returns the link's new state when it changed */
  takeMark(mark: Mark, partition: number): LiveEvent | null {
    this.#markClockMs = Math.max(this.#markClockMs, mark.writtenAtMs);
    this.#rings[partition]!.prune(this.#markClockMs - TAIL_MS);
    this.#rollupRings[partition]!.prune(this.#markClockMs - TAIL_MS);
    return this.#link.take(mark) ? this.linkEvent() : null;
  }

  takeListing(market: Market, listing: Listing | null): void {
    if (listing === null) this.#listings.delete(market);
    else this.#listings.set(market, listing);
  }

  ring(partition: number): TailRing {
    return this.#rings[partition]!;
  }

  /** While no mark was ever read, nobody follows the exchange: the link is down. */
  linkEvent(): LiveEvent {
    return linkLive(this.#link.state ?? UNKNOWN_LINK);
  }

  get link(): LinkEvent | null {
    return this.#link.state;
  }

  ticker(market: Market): Latest | undefined {
    return this.#tickers.get(market);
  }

  tickers(): Iterable<Latest> {
    return this.#tickers.values();
  }

  get tickerCount(): number {
    return this.#tickers.size;
  }

  listings(): ReadonlyMap<Market, Listing> {
    return this.#listings;
  }

  get rings(): readonly TailRing[] {
    return this.#rings;
  }

  get rollupRings(): readonly TailRing[] {
    return this.#rollupRings;
  }

  get tailRows(): number {
    return this.#rings.reduce((rows, ring) => rows + ring.size, 0);
  }

  /** Seconds that left the tail before their time, because of its limit. */
  get tailDropped(): number {
    return this.#tailDropped;
  }

  get newestCandle(): CandleEvent | null {
    return this.#newestCandle;
  }

  get newestTickerReceivedAtMs(): number {
    return this.#newestTickerReceivedAtMs;
  }
}
