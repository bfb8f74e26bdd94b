import type { FeedSession, RangeFeed } from "#core/range_feed.ts";
import { SESSION_SILENT_MS_MAX } from "#core/range_feed.ts";
import type { MarkWork } from "./work.ts";

export interface PartitionFeed {
  readonly partition: number;
  readonly feed: RangeFeed;
}

interface Partition {
  epoch: string;
  nextOffset: bigint | null;
  knownUntilMs: number;
  readonly sessions: Map<string, FeedSession>;
}

/**
 * What each partition's feed says in Redis, and the epoch of its ranges of seconds.
 *
 * An epoch ends when others may have written in between, when a write was lost, and when something counts as covered no
 * longer: an ended session counts 5 s less, a refused second is a hole. The next reader then asks PostgreSQL again.
 */
export class RangeFeeds {
  /** Begins every version this process writes. */
  readonly owner: string;
  readonly #token: () => string;
  readonly #partitions = new Map<number, Partition>();
  readonly #ended = new Set<number>();

  constructor(token: () => string) {
    this.#token = token;
    this.owner = token();
  }

  read(partition: number, firstOffset: bigint, lastOffset: bigint): void {
    const held = this.#of(partition);
    if (held.nextOffset !== firstOffset) this.end(partition);
    held.nextOffset = lastOffset + 1n;
  }

  /** @returns what the feed says from now on; null for a mark that is not the newest */
  mark({ mark, record }: MarkWork): PartitionFeed | null {
    const { partition } = record;
    const held = this.#of(partition);
    if (mark.writtenAtMs <= held.knownUntilMs) return null;
    held.knownUntilMs = mark.writtenAtMs;
    if (mark.session !== null) {
      const { id, sinceMs, untilMs, markets, ended } = mark.session;
      held.sessions.set(id, { id, sinceMs, untilMs, markets });
      if (ended) this.#over(held, id);
    }
    for (const { id, untilMs } of [...held.sessions.values()]) {
      if (mark.writtenAtMs - untilMs > SESSION_SILENT_MS_MAX) this.#over(held, id);
    }
    const { knownUntilMs, epoch, sessions } = held;
    return { partition, feed: { knownUntilMs, epoch, sessions: [...sessions.values()] } };
  }

  holds({ partition, feed }: PartitionFeed): boolean {
    return this.#of(partition).epoch === feed.epoch;
  }

  /** The partition's ranges end at once, not with its next mark. */
  end(partition: number): void {
    const held = this.#of(partition);
    held.epoch = this.#token();
    this.#ended.add(partition);
  }

  endAll(): void {
    for (const partition of this.#partitions.keys()) this.end(partition);
  }

  ended(): readonly number[] {
    return [...this.#ended];
  }

  dropped(partitions: readonly number[]): void {
    for (const partition of partitions) this.#ended.delete(partition);
  }

  #over(held: Partition, id: string): void {
    held.sessions.delete(id);
    held.epoch = this.#token();
  }

  #of(partition: number): Partition {
    let held = this.#partitions.get(partition);
    if (held === undefined) {
      held = { epoch: this.#token(), nextOffset: null, knownUntilMs: 0, sessions: new Map() };
      this.#partitions.set(partition, held);
      this.#ended.add(partition);
    }
    return held;
  }
}
