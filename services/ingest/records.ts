import type { Buffer } from "node:buffer";
import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import type { Origin } from "#core/candle.ts";
import type { Failure } from "#core/failure.ts";
import { encodeMark, type Mark } from "#core/mark.ts";
import type { Market } from "#core/market.ts";
import { type Namespace, topicName } from "#core/namespace.ts";
import { partitionOf } from "#core/partition.ts";
import { HEADERS, KIND_MARK, TOPICS } from "#core/topics.ts";

/** Longest reason of a dead letter; a longer one is cut. */
const REASON_CHARS_MAX = 500;

/** Makes the records ingest writes. The value of an element is the exchange's bytes, unchanged. */
export class RecordMaker {
  readonly #origin: Origin;
  readonly #topics: Readonly<Record<"candle" | "ticker" | "listing" | "deadLetter", string>>;
  /** The partition of each market met: the hash is made once. */
  readonly #partitions = new Map<Market, number>();

  constructor(namespace: Namespace, origin: Origin) {
    this.#origin = origin;
    this.#topics = {
      candle: topicName(namespace, TOPICS.secondCandle),
      ticker: topicName(namespace, TOPICS.ticker),
      listing: topicName(namespace, TOPICS.listing),
      deadLetter: topicName(namespace, TOPICS.deadLetter),
    };
  }

  element(
    kind: "candle" | "ticker",
    market: Market,
    bytes: Buffer,
    atMs: number,
    frame: string,
  ): ProducerRecord {
    return {
      topic: this.#topics[kind],
      partition: this.#partition(market),
      key: market,
      value: bytes,
      headers: this.#headers(atMs, frame),
    };
  }

  /** What could not be read, as it came. */
  deadLetter(bytes: Buffer, atMs: number, frame: string, failure: Failure): ProducerRecord {
    return {
      topic: this.#topics.deadLetter,
      partition: 0,
      key: null,
      value: bytes,
      headers: {
        ...this.#headers(atMs, frame),
        [HEADERS.deadCode]: failure.code,
        [HEADERS.deadReason]: failure.message.slice(0, REASON_CHARS_MAX),
      },
    };
  }

  /** @param element null when the market is gone */
  listing(market: Market, element: string | null, atMs: number): ProducerRecord {
    return {
      topic: this.#topics.listing,
      partition: 0,
      key: market,
      value: element,
      headers: { [HEADERS.origin]: this.#origin, [HEADERS.receivedAt]: String(atMs) },
    };
  }

  /** @param marks by partition */
  marks(marks: readonly Mark[]): readonly ProducerRecord[] {
    return marks.map((mark, partition) => ({
      topic: this.#topics.candle,
      partition,
      key: null,
      value: encodeMark(mark),
      headers: { [HEADERS.kind]: KIND_MARK },
    }));
  }

  #headers(atMs: number, frame: string): Record<string, string> {
    return {
      [HEADERS.origin]: this.#origin,
      [HEADERS.receivedAt]: String(atMs),
      [HEADERS.frame]: frame,
    };
  }

  #partition(market: Market): number {
    let partition = this.#partitions.get(market);
    if (partition === undefined) {
      if (this.#partitions.size >= PARTITIONS_KNOWN_MAX) this.#partitions.clear();
      this.#partitions.set(market, partition = partitionOf(market));
    }
    return partition;
  }
}

/** The exchange has 855 markets; garbage that looks like markets must not fill the memory. */
const PARTITIONS_KNOWN_MAX = 10_000;
