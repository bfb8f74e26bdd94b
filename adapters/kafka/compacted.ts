import { backoffMs } from "#core/backoff.ts";
import { reason } from "#core/failure.ts";
import { sleep } from "#core/lifecycle.ts";
import type { Log } from "../log.ts";
import { KafkaAdmin } from "./admin.ts";
import type { KafkaSettings } from "./client.ts";
import { consumeAll } from "./consumer.ts";
import { abortable } from "./producer.ts";
import type { BatchHandler } from "./records.ts";

export interface WholeTopicOptions {
  readonly settings: KafkaSettings;
  readonly log: Log;
  readonly groupPrefix: string;
  /** The topic's name on the broker. */
  readonly topic: string;
  /** Takes each batch, in order within a partition. What it throws begins the reading anew. */
  readonly handle: BatchHandler;
  /** In [0, 1). */
  readonly chance: () => number;
}

export interface CompactedOptions extends Omit<WholeTopicOptions, "handle"> {
  /** Further keys are not taken. */
  readonly keysMax: number;
}

/** When nothing more comes for so long, the rest up to the end was compacted away. */
const IDLE_MS_MAX = 10_000;
const RETRY = { firstMs: 500, maxMs: 5_000 };

/**
 * The entries of a compacted topic as of now: the newest value of each key that has one. Waits for the cluster and the
 * topic, without a limit; all connections are closed before it returns.
 *
 * @returns null when the signal aborted first
 */
export async function readCompacted(
  options: CompactedOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string> | null> {
  const { keysMax, ...whole } = options;
  const entries = new Map<string, string>();
  const read = await readWholeTopic({
    ...whole,
    handle: ({ records }) => {
      for (const { key, value } of records) {
        if (key === null || value === null) entries.delete(key ?? "");
        else if (entries.has(key) || entries.size < keysMax) entries.set(key, value.toString());
      }
      return Promise.resolve();
    },
  }, signal);
  return read ? entries : null;
}

/**
 * Reads a topic from its beginning to where it ends now, outside of any shared group. Waits for the cluster and the topic,
 * without a limit; all connections are closed before it returns.
 *
 * @returns false when the signal aborted first
 */
export async function readWholeTopic(
  options: WholeTopicOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { settings, log, topic } = options;
  for (let attempt = 1; !signal.aborted; attempt++) {
    const admin = new KafkaAdmin(settings, log);
    try {
      await abortable(admin.connect(), signal);
      const from = await abortable(admin.earliestOffsets(topic), signal);
      const to = await abortable(admin.endOffsets(topic), signal);
      return await readBetween(options, from, to, signal);
    } catch (error) {
      if (signal.aborted) break;
      log.info({ event: "kafka_retry", what: topic, attempt, reason: reason(error) }, "not yet");
    } finally {
      const limit = new AbortController();
      await Promise.race([admin.close().catch(() => {}), sleep(1_000, limit.signal)]);
      limit.abort();
    }
    await sleep(backoffMs(RETRY, attempt, options.chance()), signal);
  }
  return false;
}

async function readBetween(
  { settings, log, groupPrefix, topic, handle }: WholeTopicOptions,
  from: ReadonlyMap<number, bigint>,
  to: ReadonlyMap<number, bigint>,
  signal: AbortSignal,
): Promise<boolean> {
  const next = new Map([...from].filter(([partition, offset]) => offset < to.get(partition)!));
  if (next.size === 0) return true;
  const done = new AbortController();
  const until = AbortSignal.any([signal, done.signal]);
  let idle = setTimeout(() => done.abort(), IDLE_MS_MAX);
  await consumeAll({
    settings,
    log,
    groupPrefix,
    positions: () => new Map([[topic, next]]),
    handle: async (batch) => {
      clearTimeout(idle);
      const { partition } = batch;
      const records = batch.records.filter(({ offset }) => offset >= next.get(partition)!);
      await handle({ ...batch, records }, until);
      if (records.length > 0) next.set(partition, records.at(-1)!.offset + 1n);
      if ([...next].every(([partition, offset]) => offset >= to.get(partition)!)) done.abort();
      idle = setTimeout(() => done.abort(), IDLE_MS_MAX);
    },
  }, until);
  clearTimeout(idle);
  return !signal.aborted;
}
