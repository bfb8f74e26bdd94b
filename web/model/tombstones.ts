import { newer, type Revision } from "#core/revision.ts";

/** Kept, the oldest give way: a candle that turned out not to have been is a rare correction. */
const KEPT_MAX = 1_000;

/** Revisions of candles that were taken away, so that an older one does not bring them back. */
export class Tombstones {
  readonly #revisions = new Map<number, Revision>();

  /** Whether it is news. */
  add(startsAtMs: number, revision: Revision): boolean {
    const held = this.#revisions.get(startsAtMs);
    if (held !== undefined && !newer(revision, held)) return false;
    this.#revisions.delete(startsAtMs);
    this.#revisions.set(startsAtMs, revision);
    if (this.#revisions.size > KEPT_MAX) {
      this.#revisions.delete(this.#revisions.keys().next().value!);
    }
    return true;
  }

  /** Whether a candle of that revision is gone; a newer one ends the tombstone. */
  covers(startsAtMs: number, revision: Revision): boolean {
    const held = this.#revisions.get(startsAtMs);
    if (held === undefined) return false;
    if (!newer(revision, held)) return true;
    this.#revisions.delete(startsAtMs);
    return false;
  }
}
