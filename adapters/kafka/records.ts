import type { Buffer } from "node:buffer";
import type { KafkaMessage } from "kafkajs";

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

export function consumedRecord(
  topic: string,
  partition: number,
  message: KafkaMessage,
): ConsumedRecord {
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
