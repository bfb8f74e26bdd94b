import { randomBytes } from "node:crypto";
import process from "node:process";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { consumeGroup } from "#adapters/kafka/consumer.ts";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import { createLog } from "#adapters/log.ts";
import { sleep } from "#core/lifecycle.ts";
import { groupName, namespace } from "#core/namespace.ts";
import { topicName } from "#core/namespace.ts";
import { TOPIC_PLANS, TOPICS } from "#core/topics.ts";

/**
 * What the Kafka client costs a service that has nothing to read or write: a consumer of two topics, a producer and an
 * admin connection, as the services hold them. Aim: at most 0.3 % of a core.
 *
 *   node bench/kafka_idle.ts 127.0.0.1:9092 [seconds]      (also under deno run -A)
 */

const WARM_MS = 8_000;

const [broker, secondsText = "20"] = process.argv.slice(2);
if (broker === undefined) {
  console.error("usage: kafka_idle.ts <host:port> [seconds]");
  process.exit(2);
}
const settings = { brokers: [broker], clientId: "stofka-bench-idle" };
const log = createLog("bench", "error");
const space = namespace(`bench-${randomBytes(4).toString("hex")}.`);
const stop = new AbortController();

const admin = new KafkaAdmin(settings, log);
await admin.connect();
await admin.ensureTopics(space, TOPIC_PLANS);
const producer = new KafkaProducer(settings, log);
await producer.connect(stop.signal);
const consuming = consumeGroup({
  settings,
  log,
  groupId: groupName(space, "bench"),
  topics: [topicName(space, TOPICS.secondCandle), topicName(space, TOPICS.ticker)],
  handle: () => Promise.resolve(),
}, stop.signal);

await sleep(WARM_MS, stop.signal);
const before = process.cpuUsage();
const sinceMs = performance.now();
await sleep(Number(secondsText) * 1_000, stop.signal);
const { user, system } = process.cpuUsage(before);
const share = (user + system) / 1_000 / (performance.now() - sinceMs);
const runtime = process.versions["deno"] === undefined
  ? `node ${process.versions.node}`
  : `deno ${process.versions["deno"]}`;
console.log(`${runtime}: idle Kafka client ${(share * 100).toFixed(2)} % of a core`);

stop.abort();
await consuming;
await producer.close();
await admin.deleteTopics(space, TOPIC_PLANS);
await admin.close();
process.exit(0);
