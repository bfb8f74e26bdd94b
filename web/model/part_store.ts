import type { Candle } from "#core/candle.ts";
import { bucketEndMs, bucketStartMs } from "#core/interval.ts";
import { newer, type Revision } from "#core/revision.ts";

/** A second, or a minute of seconds that the server folded because they were many. */
export interface Part {
  readonly candle: Candle;
  /** A second's; null for a minute, which no second replaces. */
  readonly revision: Revision | null;
}

/**
 * Parts held at most: an hour of seconds. With pg_cron running some seconds to some minutes are held; standing still for
 * longer, the oldest give way, and the server is asked for the sum.
 */
export const PARTS_MAX = 3_600;

/** Seconds that no stored roll-up contains yet, each in its newest revision. */
export class PartStore {
  readonly #partsMax: number;
  readonly #parts = new Map<number, Part>();
  /** Starts of the minutes among them. */
  readonly #minutes = new Set<number>();

  constructor(partsMax = PARTS_MAX) {
    this.#partsMax = partsMax;
  }

  get size(): number {
    return this.#parts.size;
  }

  /**
   * @returns `old` when it is held in this or a newer revision, or within a minute; `full` when it made the oldest give way
   */
  put(part: Part): "new" | "old" | "full" {
    const { startsAtMs, interval } = part.candle;
    if (interval === "1m") {
      this.drop((held) => bucketStartMs("1m", held.candle.startsAtMs) === startsAtMs);
      this.#minutes.add(startsAtMs);
    } else {
      if (this.#minutes.has(bucketStartMs("1m", startsAtMs))) return "old";
      const held = this.#parts.get(startsAtMs);
      if (held !== undefined && !newer(part.revision!, held.revision!)) return "old";
    }
    this.#parts.set(startsAtMs, part);
    if (this.#parts.size <= this.#partsMax) return "new";
    const oldestMs = Math.min(...this.#parts.keys());
    this.drop(({ candle }) => candle.startsAtMs === oldestMs);
    return "full";
  }

  /** Those within [since, until), ascending. */
  within(sinceMs: number, untilMs: number): Candle[] {
    const found: Candle[] = [];
    for (const { candle } of this.#parts.values()) {
      if (candle.startsAtMs >= sinceMs && candle.startsAtMs < untilMs) found.push(candle);
    }
    return found.sort((a, b) => a.startsAtMs - b.startsAtMs);
  }

  /** Those that end by then and start at or after `sinceMs` are contained in something stored. */
  dropWithin(sinceMs: number, untilMs: number): void {
    this.drop(({ candle: { interval, startsAtMs } }) =>
      startsAtMs >= sinceMs && bucketEndMs(interval, startsAtMs) <= untilMs
    );
  }

  drop(matches: (part: Part) => boolean): void {
    for (const [startsAtMs, part] of this.#parts) {
      if (!matches(part)) continue;
      this.#parts.delete(startsAtMs);
      if (part.candle.interval === "1m") this.#minutes.delete(startsAtMs);
    }
  }

  [Symbol.iterator](): Iterator<Part> {
    return this.#parts.values();
  }
}
