import type { BatchHandler, ConsumedBatch, ConsumedRecord } from "#adapters/kafka/records.ts";
import { PARTITIONS } from "#core/topics.ts";
import { GroupCommit } from "./group_commit.ts";
import type { Stored } from "./history.ts";
import { mergeWork, type Refusal, rowsOf, type Work } from "./work.ts";

/** What the loop needs of the world. */
export interface PersistPorts {
  /** The content of a batch; never throws for what the world may write. */
  readonly read: (batch: ConsumedBatch) => Work;
  readonly history: {
    /** The truth: returns when it is stored, however long that takes; rejects when the signal aborts. */
    store(work: Work, signal: AbortSignal): Promise<Stored>;
  };
  readonly deadLetters: {
    send(refusals: readonly Refusal[], signal: AbortSignal): Promise<void>;
  };
  readonly latest: {
    /** Never rejects and returns soon: what could not be written is remembered there. */
    put(work: Work): Promise<void>;
  };
  readonly observe: {
    read(batch: ConsumedBatch, work: Work): void;
    stored(work: Work, stored: Stored): void;
    handled(batch: ConsumedBatch): void;
  };
}

export interface PersistLimits {
  /** Rows of one transaction. A larger batch goes alone; Kafka's fetch bounds it to 1 MiB. */
  readonly rowsMax: number;
  /** Batches that may wait: one for each partition consumed. */
  readonly batchesMax: number;
  /** Transactions at a time, each on a connection of its own: while the database works on one, the next is spelled. */
  readonly transactionsMax: number;
}

/**
 * The service's. A transaction's fixed costs are a hundredth of 2,000 rows; with 10,000 of them one transaction took all that
 * waited, and nothing was left to be spelled while the database worked on it.
 */
export const LIMITS: PersistLimits = {
  rowsMax: 2_000,
  batchesMax: 2 * PARTITIONS + 1,
  transactionsMax: 2,
};

/** The loop of persist: `handle` is given to the consumer, which commits a batch's offset after it; `worker` does the storing. */
export function persist(
  ports: PersistPorts,
  limits: PersistLimits,
): { readonly handle: BatchHandler; readonly worker: GroupCommit<Work> } {
  /** What the database did not take: it is not shown either. */
  const refused = new WeakSet<ConsumedRecord>();
  const transactions = new GroupCommit<Work>({
    name: "persist",
    sizeOf: rowsOf,
    sizeMax: limits.rowsMax,
    itemsMax: limits.batchesMax,
    // a partition's next batch waits for the one before, so what runs side by side has no market and no mark in common
    storesMax: limits.transactionsMax,
    store: async (works, signal) => {
      const work = mergeWork(works);
      const stored = await ports.history.store(work, signal);
      for (const { record } of stored.refusals) refused.add(record);
      await ports.deadLetters.send([...work.refusals, ...stored.refusals], signal);
      ports.observe.stored(work, stored);
    },
  });
  const handle: BatchHandler = async (batch) => {
    const work = ports.read(batch);
    ports.observe.read(batch, work);
    if (rowsOf(work) > 0) await transactions.commit(work);
    await ports.latest.put(without(refused, work));
    ports.observe.handled(batch);
  };
  return { handle, worker: transactions };
}

function without(refused: WeakSet<ConsumedRecord>, work: Work): Work {
  if (!work.seconds.some(({ record }) => refused.has(record))) return work;
  return { ...work, seconds: work.seconds.filter(({ record }) => !refused.has(record)) };
}
