import { randomUUID } from "node:crypto";
import type { Consumer, EachBatchPayload } from "kafkajs";
import { backoffMs } from "#core/backoff.ts";
import { reason } from "#core/failure.ts";
import { sleep } from "#core/lifecycle.ts";
import type { Log } from "../log.ts";
import { kafkaClient, type KafkaSettings } from "./client.ts";
import { OffsetCommits } from "./offset_commits.ts";
import { type BatchHandler, consumedRecord } from "./records.ts";

export interface ConsumeOptions {
  readonly settings: KafkaSettings;
  readonly log: Log;
  readonly handle: BatchHandler;
  /** The broker answers a fetch as soon as there are so many new bytes; 1 (the default) is at once, for the least latency. */
  readonly minBytes?: number;
  /** How long the broker may hold a fetch back while there are fewer new bytes, ms. */
  readonly maxWaitMs?: number;
  /** Called with false when the consumer lost its broker or group, with true when it fetches again. */
  readonly onRunning?: (running: boolean) => void;
}

export interface GroupOptions extends ConsumeOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
}

export interface AllOptions extends ConsumeOptions {
  /** The replica's group is `<prefix>-<uuid>`: it shares nothing and commits nothing. */
  readonly groupPrefix: string;
  /** Topic → partition → the offset to begin at. Read once at each start of the underlying consumer, so that a restart goes on where the last batch ended. */
  readonly positions: () => ReadonlyMap<string, ReadonlyMap<number, bigint>>;
}

/**
 * A member of a consumer group, until the signal aborts. Each batch is handled, then its offsets are committed: a crash
 * between the two repeats the batch. Partitions are handled side by side, each in order.
 */
export function consumeGroup(options: GroupOptions, signal: AbortSignal): Promise<void> {
  return supervise(options, signal, () => options.groupId, async (consumer) => {
    const commits = new OffsetCommits((offsets) => consumer.commitOffsets(offsets), options.log);
    await consumer.subscribe({ topics: [...options.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: PARTITIONS_CONCURRENT_MAX,
      eachBatch: async (payload) => {
        const end = await handleBatch(options, signal, payload);
        if (end === null) return;
        const { topic, partition } = payload.batch;
        payload.resolveOffset((end - 1n).toString());
        commits.add(topic, partition, end);
        await payload.heartbeat();
      },
    });
    return () => commits.flush();
  });
}

/** Reads every partition outside of any shared group, until the signal aborts. */
export function consumeAll(options: AllOptions, signal: AbortSignal): Promise<void> {
  // a fresh group each time: in the one before, a member that could not leave would be waited for
  const groupId = () => `${options.groupPrefix}-${randomUUID()}`;
  return supervise(options, signal, groupId, async (consumer) => {
    const positions = options.positions();
    await consumer.subscribe({ topics: [...positions.keys()], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: PARTITIONS_CONCURRENT_MAX,
      eachBatch: async (payload) => {
        const end = await handleBatch(options, signal, payload);
        if (end === null) return;
        payload.resolveOffset((end - 1n).toString());
        await payload.heartbeat();
      },
    });
    for (const [topic, partitions] of positions) {
      for (const [partition, offset] of partitions) {
        consumer.seek({ topic, partition, offset: offset.toString() });
      }
    }
    return () => Promise.resolve();
  });
}

const PARTITIONS_CONCURRENT_MAX = 64;
const RETRY = { firstMs: 200, maxMs: 3_000 };

/** @returns the offset behind the batch, or null when it was not handled because of a stop */
async function handleBatch(
  options: ConsumeOptions,
  signal: AbortSignal,
  { batch, isRunning, isStale, heartbeat }: EachBatchPayload,
): Promise<bigint | null> {
  if (signal.aborted || !isRunning() || isStale() || batch.messages.length === 0) return null;
  const { topic, partition } = batch;
  // a handler may wait long for a database: the group must not take that for a death
  const beat = setInterval(() => {
    heartbeat().catch((error: unknown) => {
      options.log.debug(
        { event: "heartbeat_failed", reason: reason(error) },
        "a rebalance follows",
      );
    });
  }, HEARTBEAT_MS);
  try {
    await options.handle({
      topic,
      partition,
      records: batch.messages.map((message) => consumedRecord(topic, partition, message)),
      highWatermark: BigInt(batch.highWatermark),
    }, signal);
  } finally {
    clearInterval(beat);
  }
  return signal.aborted ? null : BigInt(batch.lastOffset()) + 1n;
}

const HEARTBEAT_MS = 3_000;

/** A killed member's partitions go to another after this time; a broker's default allows no less than 6 s. */
const SESSION_MS = 12_000;

/**
 * So long a group waits for its old members when one joins: the dead one's successor waits for nobody longer. Above the wait of
 * a fetch, after which a member hears of it; one that is late joins again, and what it had not committed is read twice.
 */
const REBALANCE_MS = 6_000;

/**
 * Measured with nothing to read, a consumer and a producer on one broker: 1.7 % of a core at 500 ms, 0.35 % at 4 to 5 s. New
 * records are answered at once whatever this is, but kafkajs heartbeats only between fetches, so it stays far below the session.
 */
const FETCH_WAIT_MS = 4_000;

/**
 * Keeps a consumer running: kafkajs restarts itself after some errors and gives up after others, so any crash it does not
 * mend is mended by a fresh consumer.
 */
async function supervise(
  options: ConsumeOptions,
  signal: AbortSignal,
  groupId: () => string,
  /** Returns what is to be done before the consumer leaves. */
  start: (consumer: Consumer) => Promise<() => Promise<void>>,
): Promise<void> {
  const stopped = aborted(signal);
  for (let attempt = 1; !signal.aborted; attempt++) {
    const consumer = kafkaClient(options.settings, options.log).consumer({
      groupId: groupId(),
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: REBALANCE_MS,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: options.maxWaitMs ?? FETCH_WAIT_MS,
      minBytes: options.minBytes ?? 1,
      maxBytesPerPartition: 1024 * 1024,
      maxBytes: 8 * 1024 * 1024,
      allowAutoTopicCreation: false,
      retry: {
        retries: 5,
        initialRetryTime: 100,
        maxRetryTime: 1_000,
        restartOnFailure: () => Promise.resolve(false),
      },
    });
    try {
      const crashed = new Promise<Error>((resolve) => {
        consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error));
      });
      consumer.on(consumer.events.GROUP_JOIN, () => {
        attempt = 1;
        options.onRunning?.(true);
      });
      await consumer.connect();
      const finish = await start(consumer);
      const error = await Promise.race([crashed, stopped]);
      await within(DISCONNECT_MS_MAX, finish());
      if (error !== null) throw error;
    } catch (error) {
      if (!signal.aborted) {
        options.log.warn(
          { event: "consumer_crashed", attempt, reason: reason(error) },
          "Kafka consumer ended, starting a fresh one",
        );
      }
    } finally {
      options.onRunning?.(false);
      await disconnect(consumer, options.log);
    }
    if (!signal.aborted) await sleep(backoffMs(RETRY, attempt, Math.random()), signal);
  }
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}

const DISCONNECT_MS_MAX = 3_000;

/** Leaves the group, so that its partitions need not wait for the session timeout. */
async function disconnect(consumer: Consumer, log: Log): Promise<void> {
  try {
    await within(DISCONNECT_MS_MAX, consumer.disconnect());
  } catch (error) {
    log.debug(
      { event: "kafka_disconnect", reason: reason(error) },
      "the connection was gone already",
    );
  }
}

/** A broker that is away cannot delay a stop: what is not done in time is left to itself. */
async function within(ms: number, step: Promise<void>): Promise<void> {
  const limit = new AbortController();
  await Promise.race([step, sleep(ms, limit.signal)]).finally(() => limit.abort());
}
