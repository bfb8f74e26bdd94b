import { abortable } from "#adapters/kafka/producer.ts";
import { consumeAll } from "#adapters/kafka/consumer.ts";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import type { KafkaSettings } from "#adapters/kafka/client.ts";
import type { Log } from "#adapters/log.ts";
import { backoffMs } from "#core/backoff.ts";
import { Failure, reason } from "#core/failure.ts";
import { sleep, type Worker } from "#core/lifecycle.ts";
import { groupName, type Namespace, topicName } from "#core/namespace.ts";
import { TOPICS } from "#core/topics.ts";
import { type Board, TAIL_MS } from "../state/board.ts";
import type { Intake } from "./intake.ts";
import { REPLICA_TOPICS } from "./replica_topics.ts";
import type { Positions } from "./positions.ts";
import type { RedisSnapshot } from "./redis_snapshot.ts";
import { takeSnapshot } from "./snapshot.ts";
import { startOf } from "./start_plan.ts";

export interface ReplicaOptions {
  readonly namespace: Namespace;
  readonly kafka: KafkaSettings;
  readonly readSnapshot: () => Promise<RedisSnapshot>;
  readonly board: Board;
  readonly positions: Positions;
  readonly intake: Intake;
  /** Records of seconds a partition is read back at most. */
  readonly recordsMax: number;
  /** Wall clock, ms. */
  readonly now: () => number;
  readonly chance: () => number;
  /** Called once, when everything that was there at the start is in the board. */
  readonly loaded: () => void;
  readonly log: Log;
}

const RETRY = { firstMs: 200, maxMs: 3_000 };
const COMMITTED_EVERY_MS = 2_000;

/**
 * Keeps this replica's board equal to the topics: persist's committed offsets, then the snapshot, then every partition from
 * there on, in no shared group. Where Redis does not say that it has every ticker, their compacted topic is read from its beginning.
 */
export class Replica implements Worker {
  readonly name = "replica";
  readonly #options: ReplicaOptions;
  #stage = "waiting for Kafka and its topics";
  #loaded = false;
  #running = false;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  /** Why the state is not loaded or does not follow; empty when it is and does. */
  unready(lagMax: number): readonly string[] {
    const { positions } = this.#options;
    if (!this.#loaded) {
      const toLoad = positions.toLoad();
      return [toLoad > 0 ? `${this.#stage}: ${toLoad} records left` : this.#stage];
    }
    if (!this.#running) return ["Kafka is away: events are delayed"];
    const lag = positions.lag(TOPICS.secondCandle) + positions.lag(TOPICS.ticker);
    return lag > lagMax ? [`${lag} records behind, at most ${lagMax} are ready`] : [];
  }

  get isLoaded(): boolean {
    return this.#loaded;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { namespace, kafka, log, positions, intake } = this.#options;
    const admin = new KafkaAdmin(kafka, log);
    try {
      await this.#retried(signal, async () => {
        await abortable(admin.connect(), signal);
        await this.#begin(admin, signal);
      });
      if (signal.aborted) return;
      this.#loadedYet();
      await Promise.all([
        consumeAll({
          settings: kafka,
          log,
          groupPrefix: groupName(namespace, "stream"),
          positions: () =>
            new Map(
              [...positions.next()].map(([topic, partitions]) => [
                topicName(namespace, topic),
                partitions,
              ]),
            ),
          onRunning: (running) => {
            this.#running = running;
          },
          handle: (batch) => {
            intake.take(batch);
            this.#loadedYet();
            return Promise.resolve();
          },
        }, signal),
        this.#followCommitted(admin, signal),
      ]);
    } finally {
      const limit = new AbortController();
      await Promise.race([admin.close().catch(() => {}), sleep(1_000, limit.signal)]);
      limit.abort();
    }
  }

  async #begin(admin: KafkaAdmin, signal: AbortSignal): Promise<void> {
    const { namespace, board, positions, recordsMax, now, log } = this.#options;
    const seconds = topicName(namespace, TOPICS.secondCandle);
    const tickers = topicName(namespace, TOPICS.ticker);
    const group = groupName(namespace, "persist");
    const ask = <Value>(promise: Promise<Value>): Promise<Value> => abortable(promise, signal);

    const committedSeconds = await ask(admin.committedOffsets(group, seconds));
    const committedTickers = await ask(admin.committedOffsets(group, tickers));
    this.#stage = "reading the snapshot from Redis";
    const fromRedis = await this.#snapshot();
    this.#stage = fromRedis
      ? "reading the newest records"
      : "rebuilding from the compacted topics, since Redis lacks tickers";

    const tailMs = now() - TAIL_MS;
    for (const topic of REPLICA_TOPICS) {
      const name = topicName(namespace, topic);
      const earliest = await ask(admin.earliestOffsets(name));
      const atTail = await ask(admin.offsetsAt(name, tailMs));
      const ends = await ask(admin.endOffsets(name));
      if (ends.size === 0) throw new Failure("topic_empty", `${name} has no partitions yet`);
      for (const [partition, end] of ends) {
        const first = earliest.get(partition) ?? 0n;
        const tail = atTail.get(partition) ?? end;
        let offset = first;
        if (name === seconds) {
          const committed = committedSeconds.get(partition) ?? null;
          const start = startOf(
            { earliest: first, end, atTail: tail, committed },
            BigInt(recordsMax),
          );
          offset = start.offset;
          if (start.holdsTail) board.ring(partition).beginsAt(tailMs);
          if (committed !== null) board.ring(partition).committed(committed);
        } else if (name === tickers && fromRedis) {
          const committed = committedTickers.get(partition) ?? first;
          offset = committed < tail ? committed : tail;
          if (offset < first) offset = first;
        } else if (topic === TOPICS.postgresCandle) {
          // what is older is in PostgreSQL, since a roll-up is stored before it is sent
          offset = tail > first ? tail : first;
        }
        positions.begin(topic, partition, offset, end);
      }
    }
    log.info(
      { event: "replica_begins", snapshot: fromRedis, records: positions.toLoad() },
      "state known so far is taken, reading on from there",
    );
  }

  /** @returns whether Redis had every ticker */
  async #snapshot(): Promise<boolean> {
    const { readSnapshot, board, log } = this.#options;
    try {
      const { tickers, candles, whole } = await readSnapshot();
      const counts = takeSnapshot(tickers, candles, board);
      log.info({ event: "snapshot", whole, ...counts }, "snapshot read from Redis");
      return whole;
    } catch (error) {
      log.warn(
        { event: "snapshot_failed", reason: reason(error) },
        "no snapshot from Redis: the compacted topics are read from their beginning",
      );
      return false;
    }
  }

  /** What persist has stored need not be held here any longer. */
  async #followCommitted(admin: KafkaAdmin, signal: AbortSignal): Promise<void> {
    const { namespace, board, log } = this.#options;
    const topic = topicName(namespace, TOPICS.secondCandle);
    while (!signal.aborted) {
      await sleep(COMMITTED_EVERY_MS, signal);
      if (signal.aborted) return;
      try {
        const committed = await abortable(
          admin.committedOffsets(groupName(namespace, "persist"), topic),
          signal,
        );
        for (const [partition, offset] of committed) {
          if (offset !== null) board.ring(partition).committed(offset);
        }
      } catch (error) {
        if (signal.aborted) return;
        // the tail is held longer until this succeeds again; its limit bounds it
        log.debug({ event: "committed_unknown", reason: reason(error) }, "persist's offsets");
      }
    }
  }

  async #retried(signal: AbortSignal, step: () => Promise<void>): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        return await step();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.warn(
          { event: "replica_retry", attempt, reason: reason(error) },
          "Kafka is not there yet, trying again",
        );
        await sleep(backoffMs(RETRY, attempt, this.#options.chance()), signal);
      }
    }
  }

  #loadedYet(): void {
    if (this.#loaded || this.#options.positions.toLoad() > 0) return;
    this.#loaded = true;
    this.#options.log.info({ event: "loaded" }, "state loaded: streams begin");
    this.#options.loaded();
  }
}
