import type { Buffer } from "node:buffer";
import type { KafkaMessage } from "kafkajs";
import { FetchedRecord } from "./fast_records.ts";

export interface ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** When the producer made the record, ms. */
  readonly timestampMs: number;
  readonly key: string | null;
  /** null is a tombstone. */
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Records of one partition, in order. */
export interface ConsumedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly ConsumedRecord[];
  /** Offset behind the partition's newest record, as of this fetch: what lag is measured against. */
  readonly highWatermark: bigint;
}

/** Never throws for what the world may do; a rejection means the batch was not handled and must come again. */
export type BatchHandler = (batch: ConsumedBatch, signal: AbortSignal) => Promise<void>;

/** Key and headers of a record that {@link FetchedRecord} holds are decoded when they are first asked for. */
class LazyRecord implements ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly value: Buffer | null;
  readonly #fetched: FetchedRecord;
  #key: string | null | undefined;
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(topic: string, partition: number, fetched: FetchedRecord) {
    this.topic = topic;
    this.partition = partition;
    this.offset = fetched.offset;
    this.timestampMs = fetched.timestamp;
    this.value = fetched.value;
    this.#fetched = fetched;
  }

  get key(): string | null {
    return this.#key === undefined ? this.#key = this.#fetched.keyText() : this.#key;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#headers ??= this.#fetched.headerTexts();
  }
}

/** @param message of kafkajs, or what `decodeRecordBatch` makes in its place */
export function consumedRecord(
  topic: string,
  partition: number,
  message: KafkaMessage | FetchedRecord,
): ConsumedRecord {
  if (message instanceof FetchedRecord) return new LazyRecord(topic, partition, message);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) headers[name] = first.toString();
  }
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key === null ? null : message.key.toString(),
    value: message.value,
    headers,
  };
}
