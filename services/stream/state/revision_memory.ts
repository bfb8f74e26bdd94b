import { newer, type Revision } from "#core/revision.ts";

/**
 * The newest revision seen of each of a market's latest seconds, so that an older one, sent late by a second ingest or
 * read again, never follows a newer one. At most `secondsMax` seconds are remembered; the one first seen longest ago gives
 * way, and an older copy of it would then pass: its readers merge by revision themselves.
 */
export class RevisionMemory {
  readonly #secondsMax: number;
  readonly #newest = new Map<number, Revision>();

  constructor(secondsMax: number) {
    this.#secondsMax = secondsMax;
  }

  remembers(startsAtMs: number): boolean {
    return this.#newest.has(startsAtMs);
  }

  /** Whether the revision is newer than all seen of this second; if so it is remembered. */
  advance(startsAtMs: number, revision: Revision): boolean {
    const seen = this.#newest.get(startsAtMs);
    if (seen !== undefined) {
      if (!newer(revision, seen)) return false;
    } else if (this.#newest.size >= this.#secondsMax) {
      this.#newest.delete(this.#newest.keys().next().value!);
    }
    this.#newest.set(startsAtMs, revision);
    return true;
  }
}
