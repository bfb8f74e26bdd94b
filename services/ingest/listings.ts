import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import type { Market } from "#core/market.ts";
import { type Listed, listingChanges, type MarketList } from "./market_list.ts";

export interface ListingsPorts {
  /** False when there is no room. */
  readonly put: (record: ProducerRecord) => boolean;
  readonly record: (market: Market, element: string | null) => ProducerRecord;
}

/**
 * The listing topic as it is, as far as we know, and what it must be told. What does not fit now is told after the next look
 * at the exchange's list.
 */
export class Listings {
  readonly #ports: ListingsPorts;
  #published: MarketList = new Map();
  #newest: Listed | null = null;

  constructor(ports: ListingsPorts) {
    this.#ports = ports;
  }

  publish(listed: Listed): void {
    this.#newest = listed;
    const published = new Map(this.#published);
    for (const [market, element] of listingChanges(this.#published, listed)) {
      if (!this.#ports.put(this.#ports.record(market, element))) break;
      if (element === null) published.delete(market);
      else published.set(market, element);
    }
    this.#published = published;
  }

  /** The topic's entries from before our start: what was delisted while nobody looked still needs its tombstone. */
  found(entries: MarketList): void {
    this.#published = new Map([...entries, ...this.#published]);
    if (this.#newest !== null) this.publish(this.#newest);
  }
}
