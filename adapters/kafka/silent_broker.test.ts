import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, expect, test } from "vitest";
import { TOPIC_PLANS, TOPICS } from "#core/topics.ts";
import { groupName, topicName } from "#core/namespace.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";
import { until } from "../../tests/until.ts";
import { createLog } from "../log.ts";
import { KafkaAdmin } from "./admin.ts";
import { KafkaProducer } from "./producer.ts";

/** A frozen broker: its kernel takes connections and bytes, nobody answers; when it goes on, it reads what has waited. */
class SilentBroker {
  /** Connections that are open, and how many there ever were. */
  readonly open = new Set<Socket>();
  connects = 0;
  readonly #server = createServer((inner) => this.#take(inner));
  #held: Socket[] | null = [];

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  speak(): void {
    for (const inner of this.#held ?? []) this.#pass(inner);
    this.#held = null;
  }

  close(): void {
    for (const socket of this.open) socket.destroy();
    this.#server.close();
  }

  #take(inner: Socket): void {
    this.connects++;
    this.open.add(inner);
    // an end is heard only by who reads
    inner.on("error", () => {}).on("close", () => this.open.delete(inner));
    if (this.#held === null) this.#pass(inner);
    else this.#held.push(inner);
  }

  #pass(inner: Socket): void {
    const [host, port] = testServers().kafka.split(":");
    const outer = connect(Number(port), host).on("error", () => {});
    outer.on("close", () => inner.destroy());
    inner.on("close", () => outer.destroy());
    inner.pipe(outer).pipe(inner);
  }
}

const log = createLog("test", "error");
const stop = new AbortController();
const namespace = freshNamespace();
const topic = topicName(namespace, TOPICS.secondCandle);
const broker = new SilentBroker();
const direct = new KafkaAdmin({ brokers: [testServers().kafka], clientId: "test" }, log);
afterAll(async () => {
  stop.abort();
  broker.close();
  await direct.deleteTopics(namespace, TOPIC_PLANS);
  await direct.close();
});

test(
  "who connects while the broker takes connections and answers nothing is served as soon as it answers",
  async () => {
    await direct.connect();
    await direct.ensureTopics(namespace, TOPIC_PLANS);
    const settings = { brokers: [await broker.listen()], clientId: "test" };
    const admin = new KafkaAdmin(settings, log);
    const producer = new KafkaProducer(settings, log);
    // as stream begins, and ingest
    const offsets = admin.connect()
      .then(() => admin.committedOffsets(groupName(namespace, "persist"), topic));
    const record = { topic, partition: 0, key: null, value: "1", headers: {} };
    const sent = producer.send([record], stop.signal);
    // a request has 15 s
    await until("each has given up a request and tries again", 40_000, () => broker.connects >= 4);
    broker.speak();
    const spokeMs = performance.now();
    expect((await offsets).size).toBe(12);
    await sent;
    expect(performance.now() - spokeMs).toBeLessThan(10_000);
    // one each, and none that was given up
    await until("what was given up is closed", 5_000, () => broker.open.size <= 2);
    await admin.close();
    await producer.close();
  },
  90_000,
);
