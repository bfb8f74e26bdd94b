import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import { reason } from "#core/failure.ts";
import { type Namespace, topicName } from "#core/namespace.ts";
import { TOPICS } from "#core/topics.ts";
import type { Refusal } from "./work.ts";

/** Longest reason written; a longer one is cut. */
const REASON_CHARS_MAX = 500;

/** A refused record as it goes to the dead letter: its bytes and headers unchanged, with what was wrong and where it lay. */
export function deadLetter(namespace: Namespace, { record, failure }: Refusal): ProducerRecord {
  return {
    topic: topicName(namespace, TOPICS.deadLetter),
    partition: 0,
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      dead_code: failure.code,
      dead_reason: reason(failure).slice(0, REASON_CHARS_MAX),
      source_topic: record.topic,
      source_partition: String(record.partition),
      source_offset: String(record.offset),
    },
  };
}
