import type { ReplicaTopic } from "./replica_topics.ts";

interface Position {
  next: bigint;
  /** Where the partition ended when reading began. */
  readonly loadedAt: bigint;
  /** Where it ended when last heard of. */
  end: bigint;
}

/** How far a replica has read, partition by partition: where a fresh consumer goes on, whether the state is loaded, and the lag. */
export class Positions {
  readonly #positions = new Map<ReplicaTopic, Map<number, Position>>();

  begin(topic: ReplicaTopic, partition: number, offset: bigint, end: bigint): void {
    let partitions = this.#positions.get(topic);
    if (partitions === undefined) this.#positions.set(topic, partitions = new Map());
    partitions.set(partition, { next: offset, loadedAt: end, end });
  }

  /** Whether the record was not read before. */
  expects(topic: ReplicaTopic, partition: number, offset: bigint): boolean {
    const position = this.#positions.get(topic)?.get(partition);
    return position !== undefined && offset >= position.next;
  }

  passed(topic: ReplicaTopic, partition: number, offset: bigint): void {
    const position = this.#positions.get(topic)?.get(partition);
    if (position !== undefined) position.next = offset + 1n;
  }

  /** @param end the offset behind the partition's newest record */
  end(topic: ReplicaTopic, partition: number, end: bigint): void {
    const position = this.#positions.get(topic)?.get(partition);
    if (position !== undefined && end > position.end) position.end = end;
  }

  next(): ReadonlyMap<ReplicaTopic, ReadonlyMap<number, bigint>> {
    return new Map(
      [...this.#positions].map(([topic, partitions]) => [
        topic,
        new Map([...partitions].map(([partition, { next }]) => [partition, next])),
      ]),
    );
  }

  /** Records of each topic that were there when reading began and are still unread. */
  toLoad(): number {
    let records = 0n;
    for (const partitions of this.#positions.values()) {
      for (const { next, loadedAt } of partitions.values()) {
        if (loadedAt > next) records += loadedAt - next;
      }
    }
    return Number(records);
  }

  /** Records behind the end, as far as fetches told. */
  lag(topic: ReplicaTopic): number {
    let records = 0;
    for (const [, behind] of this.lags(topic)) records += behind;
    return records;
  }

  /** The same of each partition. */
  *lags(topic: ReplicaTopic): Iterable<readonly [partition: number, records: number]> {
    for (const [partition, { next, end }] of this.#positions.get(topic) ?? []) {
      yield [partition, end > next ? Number(end - next) : 0];
    }
  }
}
