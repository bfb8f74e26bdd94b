import { setImmediate, setTimeout } from "node:timers";
import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import { type OutboxLimits, OutboxQueue } from "./outbox_queue.ts";

/** A `KafkaProducer`, as far as it is used here. */
export interface Sender {
  send(records: readonly ProducerRecord[], signal: AbortSignal): Promise<void>;
}

export interface OutboxOptions {
  readonly sender: Sender;
  readonly limits: OutboxLimits;
  /** Called after each acknowledged send. */
  readonly onSent?: (records: readonly ProducerRecord[], tookMs: number) => void;
  readonly steadyMs: () => number;
  /** After a pause, how long what comes first waits for others to go with it, ms (default {@link GATHER_MS}). */
  readonly gatherMs?: number;
}

/** Each send costs its broker and each reader a round, however little it holds: at 2 ms all three took a quarter more CPU. */
const GATHER_MS = 8;

/** What waits for Kafka, and the one who sends it: one send on its way, the next as soon as it returned. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #queue: OutboxQueue<ProducerRecord>;
  #closed = false;
  #wake: () => void = () => {};

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#queue = new OutboxQueue(options.limits);
  }

  /** False when there is no room: the record is dropped. */
  put(record: ProducerRecord): boolean {
    const bytes = record.value === null ? 0 : record.value.length;
    const fits = !this.#closed && this.#queue.putElement(record, bytes);
    if (fits) this.#wake();
    return fits;
  }

  /** All or none; they are sent after all that was put before is acknowledged. */
  putMarks(records: readonly ProducerRecord[]): boolean {
    const fits = !this.#closed && this.#queue.putMarks(records);
    if (fits) this.#wake();
    return fits;
  }

  /** Nothing comes after this; {@link run} returns when all is sent. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  get queue(): Pick<OutboxQueue<unknown>, "records" | "bytes" | "marks" | "load"> {
    return this.#queue;
  }

  /**
   * Sends until closed and empty.
   *
   * @param giveUp aborts the waiting for Kafka
   * @returns how many records and marks are unsent: more than 0 only after `giveUp`
   */
  async run(giveUp: AbortSignal): Promise<number> {
    const { sender, onSent, steadyMs } = this.#options;
    giveUp.addEventListener("abort", () => this.#wake(), { once: true });
    while (!giveUp.aborted) {
      const batch = this.#queue.take();
      if (batch === null) {
        if (this.#closed) return 0;
        await this.#somethingToDo();
        continue;
      }
      const startedMs = steadyMs();
      try {
        await sender.send(batch.items, giveUp);
      } catch (error) {
        if (giveUp.aborted) break;
        throw error;
      }
      this.#queue.acknowledged();
      onSent?.(batch.items, steadyMs() - startedMs);
    }
    return this.#queue.records + this.#queue.marks;
  }

  /**
   * Resolves some time after something came, at the least after the turn of the event loop, so that what came together goes
   * as one batch. The candles of a second arrive in packets over some ms: sent as they come, each batch would wait for the
   * one before.
   */
  #somethingToDo(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = () => {};
        if (this.#closed) setImmediate(resolve);
        else setTimeout(resolve, this.#options.gatherMs ?? GATHER_MS);
      };
    });
  }
}
