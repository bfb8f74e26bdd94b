/** What a session that ended gives up at its end: a feed that is behind by no more takes nothing more from it, ms. */
const ALLOWED_MS = 5_000;

/**
 * How far the exchange's feed is behind the time. A pong and a frame prove that all that was sent before has arrived, not that
 * the exchange sent what it should have by then: when it lags by half a minute (or our clock is ahead) and the link is lost, the
 * seconds of that half minute never come. So far is less covered.
 *
 * The least of a second's frames counts, since a candle that is sent again is late by itself.
 */
export class FeedLag {
  #leastMs: number | null = null;
  #lastMs = 0;

  /** @param knownAtMs when the frame's second ended, by the exchange's time */
  heard(atMs: number, knownAtMs: number): void {
    this.#leastMs = Math.min(this.#leastMs ?? Infinity, atMs - knownAtMs);
  }

  /** Once a second. A second without frames says nothing new. */
  tick(): void {
    if (this.#leastMs === null) return;
    this.#lastMs = this.#leastMs;
    this.#leastMs = null;
  }

  /** By how much less is covered than what has arrived says, ms. */
  get behindMs(): number {
    return Math.max(0, (this.#leastMs ?? this.#lastMs) - ALLOWED_MS);
  }
}
