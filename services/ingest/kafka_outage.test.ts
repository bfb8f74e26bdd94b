import { afterAll, expect, test } from "vitest";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { consumeAll } from "#adapters/kafka/consumer.ts";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import { createLog } from "#adapters/log.ts";
import { sleep } from "#core/lifecycle.ts";
import { decodeMark } from "#core/mark.ts";
import type { Namespace } from "#core/namespace.ts";
import { TOPIC_PLANS, TOPICS } from "#core/topics.ts";
import { ExchangeProcess } from "./testing/exchange_process.ts";
import { KafkaProcess } from "./testing/kafka_process.ts";
import { LiveIngest } from "./testing/live_ingest.ts";

const never = new AbortController().signal;
const log = createLog("test", "error");
const RECORDS_MAX = 150;
const AWAY_MS = 10_000;

const cleanups: (() => unknown)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

test(
  "a broker killed for 10 s: memory stays bounded, what did not fit is not claimed, order is kept, nothing acknowledged is lost",
  async () => {
    const [kafka, exchange] = await Promise.all([
      KafkaProcess.start(),
      ExchangeProcess.start("--markets", "8", "--rate", "40", "--seed", "7"),
    ]);
    cleanups.push(() => exchange.stop(), () => kafka.remove());
    const settings = { brokers: kafka.brokers, clientId: "test" };
    const admin = new KafkaAdmin(settings, log);
    await admin.connect();
    await admin.ensureTopics("" as Namespace, TOPIC_PLANS);
    await admin.close();
    const producer = new KafkaProducer(settings, log);
    const acknowledged = new Set<string>();
    const ingest = new LiveIngest({
      wsUrl: exchange.ws,
      restUrl: exchange.rest,
      namespace: "" as Namespace,
      sender: {
        send: async (batch, signal) => {
          await producer.send(batch, signal);
          for (const { headers } of batch) {
            if (headers["frame"] !== undefined) acknowledged.add(headers["frame"]);
          }
        },
      },
      limits: { recordsMax: RECORDS_MAX },
    });
    cleanups.push(() => producer.close(), () => ingest.stop());
    await ingest.until("the first session", () => ingest.covered.length === 8);
    await sleep(1_500, never);

    await kafka.kill();
    let recordsMax = 0;
    for (const endMs = performance.now() + AWAY_MS; performance.now() < endMs;) {
      recordsMax = Math.max(recordsMax, ingest.outbox.queue.records);
      expect(ingest.outbox.queue.marks).toBeLessThanOrEqual(24);
      await sleep(50, never);
    }
    expect(recordsMax).toBe(RECORDS_MAX);
    expect(ingest.events("session_end")).toMatchObject([{ cause: "kafka_away" }]);
    expect(ingest.collector.complaints()).toContain("Kafka is behind");

    await kafka.restart();
    await ingest.until("the next session", () => ingest.covered.length === 8, 20_000);
    await sleep(1_000, never);
    await ingest.stop();

    const ends: string[] = [];
    const seen = new Set<string>();
    for (const topic of [TOPICS.secondCandle, TOPICS.ticker]) {
      for (const records of await read(settings, topic)) {
        let newest = 0;
        for (const { key, value, headers } of records) {
          if (key === null) {
            const { session, cause } = decodeMark(String(value));
            if (session?.ended) ends.push(cause);
            continue;
          }
          const frame = headers["frame"]!;
          // a send that was repeated although the broker had written it
          if (seen.has(frame)) continue;
          seen.add(frame);
          const count = parseInt(frame.split("-")[1]!, 36);
          expect(count).toBeGreaterThan(newest);
          newest = count;
        }
      }
    }
    expect(new Set(ends)).toEqual(new Set(["kafka_away", "stopped"]));
    expect(acknowledged.size).toBeGreaterThan(RECORDS_MAX);
    expect([...acknowledged].filter((frame) => !seen.has(frame))).toEqual([]);
  },
  180_000,
);

/** All of a topic as it stands now, by partition. */
async function read(
  settings: { brokers: readonly string[]; clientId: string },
  topic: string,
): Promise<readonly ConsumedRecord[][]> {
  const admin = new KafkaAdmin(settings, log);
  await admin.connect();
  const ends = await admin.endOffsets(topic);
  await admin.close();
  const partitions: ConsumedRecord[][] = [...ends.keys()].map(() => []);
  const stop = new AbortController();
  const complete = (): boolean =>
    [...ends].every(([at, end]) => (partitions[at]!.at(-1)?.offset ?? -1n) + 1n >= end);
  await consumeAll({
    settings,
    log,
    groupPrefix: "test",
    positions: () => new Map([[topic, new Map([...ends.keys()].map((at) => [at, 0n]))]]),
    handle: ({ partition, records }) => {
      partitions[partition]!.push(...records);
      if (complete()) stop.abort();
      return Promise.resolve();
    },
  }, stop.signal);
  return partitions;
}
