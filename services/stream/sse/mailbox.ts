import type { LiveEvent } from "../live_event.ts";

/**
 * What a reader that fell behind has not been sent yet: the newest revision of each identity, so at most one ticker a
 * market and one entry a second and market. It sees fewer revisions, never older ones, and misses no second; when more
 * than `entriesMax` identities wait, the reader gives way as a whole.
 */
export class Mailbox {
  readonly #entriesMax: number;
  readonly #unsent = new Map<string, LiveEvent>();

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  /** @returns "full" when there is no room: the event was not taken */
  put(event: LiveEvent): "new" | "replaced" | "full" {
    const replaced = this.#unsent.delete(event.identity);
    if (!replaced && this.#unsent.size >= this.#entriesMax) return "full";
    this.#unsent.set(event.identity, event);
    return replaced ? "replaced" : "new";
  }

  get size(): number {
    return this.#unsent.size;
  }

  /** Everything that waits, as stream text, oldest first; the box is empty afterwards. */
  take(): string {
    let text = "";
    for (const { frame } of this.#unsent.values()) text += frame;
    this.#unsent.clear();
    return text;
  }
}
