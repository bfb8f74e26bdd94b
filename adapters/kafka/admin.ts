import kafkajs, { type Admin } from "kafkajs";
import { backoffMs } from "#core/backoff.ts";
import { sleep } from "#core/lifecycle.ts";
import { type Namespace, topicName } from "#core/namespace.ts";
import type { TopicPlan } from "#core/topics.ts";
import type { Log } from "../log.ts";
import { kafkaClient, type KafkaSettings } from "./client.ts";

/** Offsets by partition. */
export type Offsets = ReadonlyMap<number, bigint>;

const RETRY = { firstMs: 100, maxMs: 1_000 };
const RETRY_MS_MAX = 15_000;

/** What is asked of a cluster beside producing and consuming. Questions that meet a change of leader are asked again for up to 15 s. */
export class KafkaAdmin {
  readonly #admin: Admin;

  constructor(settings: KafkaSettings, log: Log) {
    this.#admin = kafkaClient(settings, log).admin();
  }

  async connect(): Promise<void> {
    await this.#admin.connect();
  }

  async close(): Promise<void> {
    await this.#admin.disconnect();
  }

  /** Creates what is missing and brings the settings of existing topics to the plan. Partitions are never changed. */
  async ensureTopics(
    namespace: Namespace,
    plans: readonly TopicPlan[],
    replicas = 1,
  ): Promise<void> {
    const created = {
      waitForLeaders: true,
      topics: plans.map(({ topic, partitions, settings }) => ({
        topic: topicName(namespace, topic),
        numPartitions: partitions,
        replicationFactor: replicas,
        configEntries: entries(settings),
      })),
    };
    await again(() => this.#admin.createTopics(created));
    await this.#admin.alterConfigs({
      validateOnly: false,
      resources: plans.map(({ topic, settings }) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: topicName(namespace, topic),
        configEntries: entries(settings),
      })),
    });
  }

  /** Deletes the namespace's topics that exist. */
  async deleteTopics(namespace: Namespace, plans: readonly TopicPlan[]): Promise<void> {
    const existing = new Set(await this.#admin.listTopics());
    const topics = plans.map(({ topic }) => topicName(namespace, topic)).filter((name) =>
      existing.has(name)
    );
    if (topics.length > 0) await this.#admin.deleteTopics({ topics });
  }

  /** The group's committed offsets; null where it has none yet. */
  async committedOffsets(
    groupId: string,
    topic: string,
  ): Promise<ReadonlyMap<number, bigint | null>> {
    const [answer] = await again(() => this.#admin.fetchOffsets({ groupId, topics: [topic] }));
    return new Map(
      (answer?.partitions ?? []).map((
        { partition, offset },
      ) => [partition, offset === "-1" ? null : BigInt(offset)]),
    );
  }

  /** Offset behind the newest record of each partition. */
  async endOffsets(topic: string): Promise<Offsets> {
    const answer = await again(() => this.#admin.fetchTopicOffsets(topic));
    return new Map(answer.map(({ partition, high }) => [partition, BigInt(high)]));
  }

  /** Offset of the oldest record still kept of each partition. */
  async earliestOffsets(topic: string): Promise<Offsets> {
    const answer = await again(() => this.#admin.fetchTopicOffsets(topic));
    return new Map(answer.map(({ partition, low }) => [partition, BigInt(low)]));
  }

  /** Offset of the first record produced at or after the time (ms); the end where there is none. */
  async offsetsAt(topic: string, timeMs: number): Promise<Offsets> {
    const answer = await again(() => this.#admin.fetchTopicOffsetsByTimestamp(topic, timeMs));
    return new Map(answer.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }
}

function entries(settings: Readonly<Record<string, string>>): { name: string; value: string }[] {
  return Object.entries(settings).map(([name, value]) => ({ name, value }));
}

/** kafkajs marks what passes by itself (a leader just elected, a coordinator loading) as retriable, and leaves the retry to us. */
async function again<Value>(ask: () => Promise<Value>): Promise<Value> {
  const limit = AbortSignal.timeout(RETRY_MS_MAX);
  for (let attempt = 1;; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const passing = error instanceof kafkajs.KafkaJSError && error.retriable;
      if (!passing || limit.aborted) throw error;
      await sleep(backoffMs(RETRY, attempt, Math.random()), limit);
    }
  }
}
