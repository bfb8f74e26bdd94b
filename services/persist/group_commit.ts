import { setImmediate } from "node:timers/promises";
import { assert } from "#core/assert.ts";

export interface GroupCommitOptions<Item> {
  readonly name: string;
  readonly sizeOf: (item: Item) => number;
  /** Items are taken while the sum stays within this; a single larger one goes alone. What is behind waits. */
  readonly sizeMax: number;
  /** Most items that may wait; more is our bug, since each caller waits for its own. */
  readonly itemsMax: number;
  /**
   * Stores that may run at a time, 1 unless it is told. With two the next group is spelled while the database works on the
   * one before. They end in any order, so callers that do not wait for each other must have nothing in common.
   */
  readonly storesMax?: number;
  readonly store: (items: readonly Item[], signal: AbortSignal) => Promise<void>;
}

interface Waiting<Item> {
  readonly item: Item;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Stores what waits in one go whenever a store has finished: alone when idle, in groups under load, without a timer. A caller's promise resolves when its item is stored; a partition's consumer waits for it, which is the
 * backpressure.
 */
export class GroupCommit<Item> {
  readonly name: string;
  readonly #options: GroupCommitOptions<Item>;
  readonly #waiting: Waiting<Item>[] = [];
  /** Of the stores that have nothing to do. */
  #idle: (() => void)[] = [];
  /** Why nothing is stored any more; null while it is. */
  #ended: unknown = null;

  constructor(options: GroupCommitOptions<Item>) {
    this.name = options.name;
    this.#options = options;
  }

  /** @throws what `store` threw, or the signal's reason when stopped before its turn */
  commit(item: Item): Promise<void> {
    const { itemsMax, name } = this.#options;
    assert(this.#waiting.length < itemsMax, `${name}: each caller waits for its own`, itemsMax);
    if (this.#ended !== null) return Promise.reject(this.#ended);
    return new Promise((done, failed) => {
      this.#waiting.push({ item, done, failed });
      this.#idle.shift()?.();
    });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Works until the signal aborts, or `store` throws, which ends the service: it retries what may pass by itself. */
  async run(signal: AbortSignal): Promise<void> {
    const failure = new AbortController();
    const ended = AbortSignal.any([signal, failure.signal]);
    const wakeAll = (): void => this.#idle.splice(0).forEach((wake) => wake());
    ended.addEventListener("abort", wakeAll);
    const stores = Array.from({ length: this.#options.storesMax ?? 1 }, async () => {
      try {
        await this.#storeGroups(ended);
      } catch (error) {
        this.#ended ??= error;
        failure.abort(error);
      }
    });
    await Promise.all(stores);
    this.#ended ??= signal.reason;
    for (const { failed } of this.#waiting.splice(0)) failed(this.#ended);
    failure.signal.throwIfAborted();
  }

  async #storeGroups(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#waiting.length === 0) {
        await new Promise<void>((resolve) => this.#idle.push(resolve));
        // batches of one fetch are handed over within one turn of the loop: let them join
        await setImmediate();
        continue;
      }
      const group = this.#take();
      try {
        await this.#options.store(group.map(({ item }) => item), signal);
      } catch (error) {
        for (const { failed } of group) failed(error);
        throw error;
      }
      for (const { done } of group) done();
    }
  }

  #take(): readonly Waiting<Item>[] {
    let size = 0;
    let count = 0;
    for (const { item } of this.#waiting) {
      size += this.#options.sizeOf(item);
      if (count > 0 && size > this.#options.sizeMax) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
