import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { consumeAll } from "#adapters/kafka/consumer.ts";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import { createLog } from "#adapters/log.ts";
import { sleep } from "#core/lifecycle.ts";
import { decodeMark } from "#core/mark.ts";
import { topicName } from "#core/namespace.ts";
import { TOPIC_PLANS, TOPICS } from "#core/topics.ts";
import { freshNamespace } from "../../tests/servers.ts";
import { ExchangeProcess } from "./testing/exchange_process.ts";
import { KafkaProcess } from "./testing/kafka_process.ts";
import { LiveIngest } from "./testing/live_ingest.ts";

const never = new AbortController().signal;
const log = createLog("test", "error");
const RECORDS_MAX = 150;

interface Outage {
  readonly what: string;
  readonly begin: (kafka: KafkaProcess) => unknown;
  readonly end: (kafka: KafkaProcess) => unknown;
  /** How long the queue is watched at its limit. */
  readonly fullMs: number;
}

const OUTAGES: readonly Outage[] = [
  {
    what: "killed",
    begin: (kafka) => kafka.kill(),
    end: (kafka) => kafka.restart(),
    fullMs: 1_500,
  },
  // until its requests are given up, which are answered later all the same, and its controller has taken it for dead
  {
    what: "frozen",
    begin: (kafka) => kafka.freeze(),
    end: (kafka) => kafka.thaw(),
    fullMs: 16_500,
  },
];

let kafka: KafkaProcess;
let exchange: ExchangeProcess;
beforeAll(async () => {
  [kafka, exchange] = await Promise.all([
    KafkaProcess.start(),
    ExchangeProcess.start("--markets", "8", "--rate", "40", "--seed", "7"),
  ]);
}, 120_000);
afterAll(() => Promise.all([exchange.stop(), kafka.remove()]));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test.each(OUTAGES)(
  "a broker that is $what for longer than fits: memory stays bounded, what did not fit is not claimed, order is kept, nothing acknowledged is lost",
  async ({ begin, end, fullMs }) => {
    const namespace = freshNamespace();
    const settings = { brokers: kafka.brokers, clientId: "test" };
    const admin = new KafkaAdmin(settings, log);
    await admin.connect();
    await admin.ensureTopics(namespace, TOPIC_PLANS);
    await admin.close();
    const producer = new KafkaProducer(settings, log);
    const acknowledged = new Set<string>();
    const ingest = new LiveIngest({
      wsUrl: exchange.ws,
      restUrl: exchange.rest,
      namespace,
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
    // on a busy machine the small queue may overflow before
    await ingest.until(
      "more than fits is acknowledged within a session",
      () => acknowledged.size > RECORDS_MAX && ingest.covered.length === 8,
    );

    const endsBefore = ingest.events("session_end").length;
    await begin(kafka);
    let recordsMax = 0;
    let fullSinceMs: number | null = null;
    await ingest.until(`full for ${fullMs} ms`, () => {
      recordsMax = Math.max(recordsMax, ingest.outbox.queue.records);
      expect(ingest.outbox.queue.marks).toBeLessThanOrEqual(24);
      if (recordsMax >= RECORDS_MAX) fullSinceMs ??= performance.now();
      return fullSinceMs !== null && performance.now() - fullSinceMs > fullMs;
    }, 40_000);
    expect(recordsMax).toBe(RECORDS_MAX);
    expect(ingest.events("session_end").slice(endsBefore))
      .toMatchObject([{ cause: "kafka_away" }]);
    expect(ingest.collector.complaints()).toContain("Kafka is behind");

    await end(kafka);
    await ingest.until("the next session", () => ingest.covered.length === 8, 20_000);
    await sleep(1_500, never); // so that it has marks to end
    await ingest.stop();

    const ends: string[] = [];
    const seen = new Set<string>();
    for (const topic of [TOPICS.secondCandle, TOPICS.ticker]) {
      for (const records of await read(settings, topicName(namespace, topic))) {
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
  360_000,
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
