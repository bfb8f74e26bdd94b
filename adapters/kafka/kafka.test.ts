import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { groupName, topicName } from "#core/namespace.ts";
import { TOPIC_PLANS, TOPICS } from "#core/topics.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";
import { createLog } from "../log.ts";
import { KafkaAdmin } from "./admin.ts";
import { readCompacted } from "./compacted.ts";
import { consumeAll, consumeGroup } from "./consumer.ts";
import { KafkaProducer, type ProducerRecord } from "./producer.ts";

const settings = { brokers: [testServers().kafka], clientId: "test" };
const log = createLog("test", "error");
const namespace = freshNamespace();
const topic = topicName(namespace, TOPICS.secondCandle);
const admin = new KafkaAdmin(settings, log);
const producer = new KafkaProducer(settings, log);
const stop = new AbortController();

beforeAll(async () => {
  await admin.connect();
  await admin.ensureTopics(namespace, TOPIC_PLANS);
  await producer.connect(stop.signal);
});

afterAll(async () => {
  stop.abort();
  await producer.close();
  await admin.deleteTopics(namespace, TOPIC_PLANS);
  await admin.close();
});

function records(partition: number, from: number, count: number): ProducerRecord[] {
  return Array.from({ length: count }, (_, at) => ({
    topic,
    partition,
    key: "KRW-BTC",
    value: `{"n":${from + at}}`,
    headers: { origin: "websocket" },
  }));
}

/** Consumes until `enough` says so, then stops and returns what came, per partition. */
async function collect(
  start: (
    handle: (values: string[], partition: number) => void,
    signal: AbortSignal,
  ) => Promise<void>,
  enough: (seen: Map<number, string[]>) => boolean,
): Promise<Map<number, string[]>> {
  const seen = new Map<number, string[]>();
  const end = new AbortController();
  await start((values, partition) => {
    seen.set(partition, [...seen.get(partition) ?? [], ...values]);
    if (enough(seen)) end.abort();
  }, end.signal);
  return seen;
}

const total = (seen: Map<number, string[]>): number => [...seen.values()].flat().length;

describe("Kafka", () => {
  test("ensureTopics() is repeatable and sets what the plan says", async () => {
    await admin.ensureTopics(namespace, TOPIC_PLANS);
    expect((await admin.endOffsets(topic)).size).toBe(12);
  });

  test("who sends while another send is on its way waits for its turn, and one that was given up holds nobody up", async () => {
    const given = new AbortController();
    const sends = [
      producer.send(records(8, 0, 200), stop.signal),
      producer.send([], stop.signal),
      producer.send(records(8, 200, 200), given.signal),
      producer.send(records(8, 400, 200), stop.signal),
    ];
    given.abort(new Error("given up"));
    expect((await Promise.allSettled(sends)).map(({ status }) => status))
      .toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    const seen = await collect((take, signal) =>
      consumeAll({
        settings,
        log,
        groupPrefix: groupName(namespace, "turns"),
        positions: () => new Map([[topic, new Map([[8, 0n]])]]),
        handle: ({ partition, records }) => {
          take(records.map(({ value }) => String(value)), partition);
          return Promise.resolve();
        },
      }, signal), (seen) => total(seen) >= 400);
    expect(seen.get(8)).toEqual(
      [...records(8, 0, 200), ...records(8, 400, 200)].map(({ value }) => value),
    );
  });

  test("records arrive in order with bytes and headers unchanged; a group goes on where it committed", async () => {
    const groupId = groupName(namespace, "order");
    await producer.send([...records(3, 0, 500), ...records(4, 0, 10)], stop.signal);
    const run = (enough: (seen: Map<number, string[]>) => boolean) =>
      collect((seen, signal) =>
        consumeGroup({
          settings,
          log,
          groupId,
          topics: [topic],
          maxWaitMs: 100,
          handle: ({ records, partition }) => {
            expect(records.every(({ headers, key }) =>
              headers["origin"] === "websocket" && key === "KRW-BTC"
            )).toBe(true);
            seen(
              records.map(({ value }) =>
                value!.toString()
              ),
              partition,
            );
            return Promise.resolve();
          },
        }, signal), enough);
    const first = await run((seen) => total(seen) >= 510);
    expect(first.get(3)).toEqual(records(3, 0, 500).map(({ value }) => value));
    await producer.send(records(3, 500, 5), stop.signal);
    const second = await run((seen) => (seen.get(3) ?? []).includes('{"n":504}'));
    // what was handled but not committed when the first run stopped comes again, nothing else does, and nothing is missing
    expect(second.get(3)!.slice(-5)).toEqual(records(3, 500, 5).map(({ value }) => value));
    const committed = await admin.committedOffsets(groupId, topic);
    expect(committed.get(4) === 10n || committed.get(4) === null || second.has(4)).toBe(true);
  });

  test("a handler that throws gets its batch again, and no later one before", async () => {
    await producer.send(records(5, 0, 20), stop.signal);
    let failures = 0;
    const seen = await collect((push, signal) =>
      consumeGroup({
        settings,
        log,
        groupId: groupName(namespace, "throws"),
        topics: [topic],
        maxWaitMs: 100,
        handle: ({ records, partition }) => {
          if (partition === 5 && failures < 2) {
            failures++;
            return Promise.reject(new Error("the database is away"));
          }
          push(records.map(({ value }) => value!.toString()), partition);
          return Promise.resolve();
        },
      }, signal), (all) => (all.get(5) ?? []).length >= 20);
    expect(failures).toBe(2);
    expect(seen.get(5)).toEqual(records(5, 0, 20).map(({ value }) => value));
  });

  test("consumeAll() begins exactly at the given offsets and commits nothing", async () => {
    await producer.send(records(6, 0, 30), stop.signal);
    const positions = new Map([[topic, new Map((await admin.endOffsets(topic)).entries())]]);
    positions.get(topic)!.set(6, 25n);
    const seen = await collect((push, signal) =>
      consumeAll({
        settings,
        log,
        groupPrefix: groupName(namespace, "all"),
        positions: () => positions,
        maxWaitMs: 100,
        handle: ({ records, partition }) => {
          push(records.map(({ value }) => value!.toString()), partition);
          return Promise.resolve();
        },
      }, signal), (all) => total(all) >= 5);
    expect(seen).toEqual(new Map([[6, records(6, 25, 5).map(({ value }) => value)]]));
  });

  test("readCompacted() gives the newest value of each key, and waits for nobody", async () => {
    const listing = topicName(namespace, TOPICS.listing);
    const read = () =>
      readCompacted({
        settings,
        log,
        groupPrefix: groupName(namespace, "compacted"),
        topic: listing,
        keysMax: 3,
        chance: Math.random,
      }, stop.signal);
    expect(await read()).toEqual(new Map());
    const entry = (key: string, value: string | null) => ({
      topic: listing,
      partition: 0,
      key,
      value,
      headers: {},
    });
    await producer.send([
      entry("A", "1"),
      entry("B", "1"),
      entry("A", "2"),
      entry("B", null),
      entry("C", "1"),
    ], stop.signal);
    expect(await read()).toEqual(new Map([["A", "2"], ["C", "1"]]));
    await producer.send([entry("D", "1"), entry("E", "1"), entry("A", "3")], stop.signal);
    expect([...(await read())!.entries()]).toEqual([["A", "3"], ["C", "1"], ["D", "1"]]);
  });

  test("offsetsAt() names the first record at or after a time", async () => {
    const before = Date.now();
    await producer.send(records(7, 0, 3), stop.signal);
    expect((await admin.offsetsAt(topic, before)).get(7)).toBe(0n);
    expect((await admin.offsetsAt(topic, Date.now() + 60_000)).get(7)).toBe(3n);
  });

  test("send() returns when its signal aborts, also with no broker", async () => {
    const away = new KafkaProducer(
      { brokers: ["127.0.0.1:1"], clientId: "away" },
      createLog("test", "error"),
    );
    const limit = AbortSignal.timeout(500);
    await expect(away.send(records(1, 0, 1), limit)).rejects.toThrow();
    await away.close();
  });
});
