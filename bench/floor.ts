import process from "node:process";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import kafkajs from "kafkajs";
import { WebSocket } from "ws";
import { guardRequestQueue } from "#adapters/kafka/request_queue_guard.ts";
import { quantile } from "./sse_client.ts";

/**
 * The floor: the least that this way can cost. One bare process takes the frames off the socket, hands each turn's to Kafka
 * (acks = all, one send on its way), reads them back, and writes each into a Redis hash in a pipeline. It decodes nothing,
 * compares no revisions, keeps nothing after a failure, and serves nobody. Run by `latency --floor`, on the same Kafka and
 * Redis, within the same run.
 */
const { values } = parseArgs({
  options: {
    ws: { type: "string" },
    kafka: { type: "string" },
    redis: { type: "string" },
    markets: { type: "string" },
    seconds: { type: "string" },
  },
});
const SETTLE_MS = 8_000;
const TOPIC = "bench-floor";

guardRequestQueue();
const kafka = new kafkajs.Kafka({
  clientId: "floor",
  brokers: values.kafka!.split(","),
  logLevel: kafkajs.logLevel.NOTHING,
});
const admin = kafka.admin();
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
const consumer = kafka.consumer({ groupId: "bench-floor" });
const redis = new Redis(values.redis!);
redis.on("error", () => process.exit(1)); // the servers are gone, and so is what started this
await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
await admin.createTopics({
  topics: [{ topic: TOPIC, numPartitions: 12 }],
  waitForLeaders: true,
});

let ages: number[] = [];
await consumer.subscribe({ topics: [TOPIC] });
const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
await consumer.run({
  partitionsConsumedConcurrently: 12,
  eachBatch: async ({ batch }) => {
    const pipeline = redis.pipeline();
    for (const { key, value } of batch.messages) pipeline.hset(TOPIC, key!, value!);
    await pipeline.exec();
    const nowMs = Date.now();
    for (const { value } of batch.messages) {
      const at = value!.indexOf('"timestamp":') + 12;
      ages.push(nowMs - Number(value!.toString("latin1", at, at + 13)));
    }
  },
});
await joined;

const waiting: { key: string; value: Buffer }[] = [];
let sending = false;
async function send(): Promise<void> {
  if (sending) return;
  sending = true;
  while (waiting.length > 0) {
    const messages = waiting.splice(0, 2_000);
    await producer.send({ topic: TOPIC, messages, acks: -1 });
  }
  sending = false;
}
const socket = new WebSocket(values.ws!);
socket.on("open", () => {
  const codes = values.markets!.split(",");
  socket.send(JSON.stringify([{ ticket: "floor" }, { type: "ticker", codes }]));
});
socket.on("message", (data) => {
  const value = data as Buffer;
  const at = value.indexOf('"code":"') + 8;
  waiting.push({ key: value.toString("latin1", at, value.indexOf('"', at)), value });
  setImmediate(() => void send());
});

setTimeout(() => {
  ages = [];
  const begun = process.cpuUsage();
  setTimeout(() => {
    const { user, system } = process.cpuUsage(begun);
    const share = (user + system) / 1000 / (Number(values.seconds) * 1000) * 100;
    console.log(
      `  floor   sent → Redis         p50 ${quantile(ages, 0.5)} ms, p99 ${
        quantile(ages, 0.99)
      } ms (${ages.length} frames), ${share.toFixed(0)} % CPU in one process`,
    );
    process.exit(0);
  }, Number(values.seconds) * 1000);
}, SETTLE_MS);
