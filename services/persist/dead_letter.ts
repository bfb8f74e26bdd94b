import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import { reason } from "#core/failure.ts";
import { type Namespace, topicName } from "#core/namespace.ts";
import { HEADERS, TOPICS } from "#core/topics.ts";
import type { Refusal } from "./work.ts";

/** Longest reason written; a longer one is cut. */
const REASON_CHARS_MAX = 500;

/**
 * A refused record as it goes to the dead letter: its bytes and headers unchanged, with what was wrong and where it lay. One
 * that was replayed from there keeps the header that says so, and is not replayed again.
 */
export function deadLetter(namespace: Namespace, { record, failure }: Refusal): ProducerRecord {
  return {
    topic: topicName(namespace, TOPICS.deadLetter),
    partition: 0,
    key: record.key,
    value: record.value,
    headers: {
      ...record.headers,
      [HEADERS.deadCode]: failure.code,
      [HEADERS.deadReason]: reason(failure).slice(0, REASON_CHARS_MAX),
      [HEADERS.sourceTopic]: record.topic,
      [HEADERS.sourcePartition]: String(record.partition),
      [HEADERS.sourceOffset]: String(record.offset),
    },
  };
}
