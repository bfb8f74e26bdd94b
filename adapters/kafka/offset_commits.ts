import type { TopicPartitionOffset } from "kafkajs";
import { reason } from "#core/failure.ts";
import { sleep } from "#core/lifecycle.ts";
import type { Log } from "../log.ts";

/** Commits wait so long for others to join them: one request for all partitions instead of one each. */
const GATHER_MS = 100;

/**
 * Offsets of handled batches on their way to the broker. One request is under way at a time and takes along whatever has
 * gathered, the newest offset per partition. What a crash loses of it is repeated, which is harmless.
 */
export class OffsetCommits {
  readonly #commit: (offsets: TopicPartitionOffset[]) => Promise<void>;
  readonly #log: Log;
  readonly #pending = new Map<string, TopicPartitionOffset>();
  readonly #flush = new AbortController();
  #running: Promise<void> | null = null;

  constructor(commit: (offsets: TopicPartitionOffset[]) => Promise<void>, log: Log) {
    this.#commit = commit;
    this.#log = log;
  }

  /** @param offset behind the last record that was handled */
  add(topic: string, partition: number, offset: bigint): void {
    this.#pending.set(`${topic}/${partition}`, { topic, partition, offset: String(offset) });
    this.#running ??= this.#run();
  }

  /** Resolves when all that was added has been sent, or refused. */
  async flush(): Promise<void> {
    this.#flush.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#pending.size > 0) {
      await sleep(GATHER_MS, this.#flush.signal);
      const offsets = [...this.#pending.values()];
      this.#pending.clear();
      try {
        await this.#commit(offsets);
      } catch (error) {
        // a rebalance or a broker that went away: the partitions' next owner begins at the last commit that arrived
        this.#log.info(
          { event: "commit_failed", partitions: offsets.length, reason: reason(error) },
          "offsets not committed, these batches may come again",
        );
      }
    }
    this.#running = null;
  }
}
