import { assert } from "#core/assert.ts";

export interface OutboxLimits {
  /** Most elements waiting or on their way, and their bytes. What does not fit is refused. */
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** Most marks waiting or on their way, beside the elements: a full buffer must still be able to say that it is full. */
  readonly marksMax: number;
  /** Most elements and bytes of one send; bounded by what Kafka takes as one batch of a partition (1 MB). */
  readonly batchRecordsMax: number;
  readonly batchBytesMax: number;
}

/** What a record costs in memory beside its value: objects, headers, key. */
const RECORD_OVERHEAD_BYTES = 512;

interface Entry<Item> {
  readonly item: Item;
  readonly bytes: number;
  readonly mark: boolean;
}

export interface Batch<Item> {
  readonly items: readonly Item[];
  readonly marks: boolean;
}

/**
 * The bounded, ordered way to Kafka. A batch holds either elements or marks, never both: as only one batch is on its way at
 * a time, a mark is sent after everything that was put in before it was acknowledged, on all partitions.
 */
export class OutboxQueue<Item> {
  readonly #limits: OutboxLimits;
  #entries: Entry<Item>[] = [];
  #head = 0;
  #records = 0;
  #bytes = 0;
  #marks = 0;
  #onTheirWay: readonly Entry<Item>[] = [];

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  /** False when it does not fit: the element is then not in the queue. */
  putElement(item: Item, valueBytes: number): boolean {
    const bytes = valueBytes + RECORD_OVERHEAD_BYTES;
    const { recordsMax, bytesMax } = this.#limits;
    if (this.#records + 1 > recordsMax || this.#bytes + bytes > bytesMax) return false;
    this.#records++;
    this.#bytes += bytes;
    this.#entries.push({ item, bytes, mark: false });
    return true;
  }

  /** All or none. False when they do not fit: coverage then lacks them, which is never wrong. */
  putMarks(items: readonly Item[]): boolean {
    if (this.#marks + items.length > this.#limits.marksMax) return false;
    this.#marks += items.length;
    for (const item of items) this.#entries.push({ item, bytes: 0, mark: true });
    return true;
  }

  /** The next batch, or null when nothing waits. The batch before must have been acknowledged. */
  take(): Batch<Item> | null {
    assert(this.#onTheirWay.length === 0, "one batch on its way", this.#onTheirWay.length);
    const first = this.#entries[this.#head];
    if (first === undefined) return null;
    const { batchRecordsMax, batchBytesMax } = this.#limits;
    let end = this.#head;
    let bytes = 0;
    while (end < this.#entries.length && end - this.#head < batchRecordsMax) {
      const entry = this.#entries[end]!;
      if (entry.mark !== first.mark) break;
      bytes += entry.bytes;
      if (bytes > batchBytesMax && end > this.#head) break;
      end++;
    }
    this.#onTheirWay = this.#entries.slice(this.#head, end);
    this.#head = end;
    this.#forgetSent();
    return { items: this.#onTheirWay.map(({ item }) => item), marks: first.mark };
  }

  /** The batch taken last is in Kafka. */
  acknowledged(): void {
    for (const { bytes, mark } of this.#onTheirWay) {
      if (mark) this.#marks--;
      else {
        this.#records--;
        this.#bytes -= bytes;
      }
    }
    this.#onTheirWay = [];
  }

  /** Elements waiting or on their way. */
  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Marks waiting or on their way. */
  get marks(): number {
    return this.#marks;
  }

  /** How full it is, 0 to 1, by the scarcer of records and bytes. */
  get load(): number {
    const { recordsMax, bytesMax } = this.#limits;
    return Math.max(this.#records / recordsMax, this.#bytes / bytesMax);
  }

  /** Moving the rest to the front only once half is sent keeps the cost of an entry constant. */
  #forgetSent(): void {
    if (this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}
