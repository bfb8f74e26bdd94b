import type { LinkEvent } from "#core/event/link_event.ts";
import type { Mark } from "#core/mark.ts";

/** A session whose last mark is older than this beside the newest mark no longer holds the link up. */
const SESSION_SILENT_MS_MAX = 2_500;
const ENDED_REMEMBERED_MAX = 32;

/**
 * The state of the link from the marks of all partitions, which arrive interleaved, and possibly of two ingests: the link
 * is up as long as one session is. An ended session does not come back with a mark that another partition delivers late.
 */
export class LinkTracker {
  readonly #live = new Map<string, number>();
  readonly #ended = new Set<string>();
  #newest: Mark | null = null;
  #state: LinkEvent | null = null;

  get state(): LinkEvent | null {
    return this.#state;
  }

  /** @returns whether link or cause changed */
  take(mark: Mark): boolean {
    const { session } = mark;
    if (session !== null) {
      if (session.ended || mark.link === "down") {
        this.#live.delete(session.id);
        this.#ended.add(session.id);
        if (this.#ended.size > ENDED_REMEMBERED_MAX) {
          this.#ended.delete(this.#ended.values().next().value!);
        }
      } else {
        if (this.#ended.has(session.id)) return false;
        this.#live.set(
          session.id,
          Math.max(mark.writtenAtMs, this.#live.get(session.id) ?? 0),
        );
      }
    }
    if (this.#newest !== null && mark.writtenAtMs < this.#newest.writtenAtMs) return false;
    this.#newest = mark;
    for (const [id, writtenAtMs] of this.#live) {
      if (writtenAtMs < mark.writtenAtMs - SESSION_SILENT_MS_MAX) this.#live.delete(id);
    }
    const link = this.#live.size > 0 ? "up" : "down";
    const previous = this.#state;
    this.#state = {
      link,
      // while another session is up, why one of them ended is not what the link's readers ask
      cause: link === "up" && mark.link === "down" && previous !== null
        ? previous.cause
        : mark.cause,
      writtenAtMs: mark.writtenAtMs,
      untilMs: Math.max(session?.untilMs ?? 0, previous?.untilMs ?? 0),
    };
    return previous === null || previous.link !== this.#state.link ||
      previous.cause !== this.#state.cause;
  }
}
