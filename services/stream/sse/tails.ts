/**
 * Memory held by tails that are still on their way. A tail is encoded once for all newcomers of a group and a tick, and
 * its bytes live until the last of them has taken it; above the limit newcomers wait.
 */
export class Tails {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  /** Counts the bytes until the returned function was called once by each reader. */
  lend(bytes: number, readers: number): () => void {
    this.#bytes += bytes;
    let left = readers;
    return () => {
      left--;
      if (left === 0) this.#bytes -= bytes;
    };
  }
}
