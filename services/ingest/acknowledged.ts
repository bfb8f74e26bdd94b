import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import type { Log } from "#adapters/log.ts";
import { HEADERS } from "#core/topics.ts";
import type { IngestMetrics } from "./metrics.ts";

/** What is measured and told of records that Kafka has acknowledged. */
export function acknowledged(
  { metrics, log, nowMs }: {
    readonly metrics: IngestMetrics;
    readonly log: Log;
    readonly nowMs: () => number;
  },
): (records: readonly ProducerRecord[], tookMs: number) => void {
  return (records, tookMs) => {
    metrics.sendSeconds.observe(tookMs / 1_000);
    metrics.sentRecords.inc(records.length);
    const oldest = records.find(({ headers }) => headers[HEADERS.frame] !== undefined);
    if (oldest === undefined) return;
    const receivedAtMs = Number(oldest.headers[HEADERS.receivedAt]);
    metrics.acknowledgedAfterSeconds.observe(Math.max(0, nowMs() - receivedAtMs) / 1_000);
    if (!log.isLevelEnabled("debug")) return;
    for (const { topic, partition, headers } of records) {
      const frame = headers[HEADERS.frame];
      if (frame === undefined) continue;
      log.debug({ event: "frame_acknowledged", frame, topic, partition }, "in Kafka");
    }
  };
}
