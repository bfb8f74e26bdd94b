/** Ticks (seconds) of which the feed's habit is known. */
const TICKS_KEPT = 300;
const TICKS_MIN = 60;
/** Below this share of seconds with a frame, silence says nothing: trades of a few markets come in clusters. */
const BUSY_SHARE_MIN = 0.8;
/** A silence less likely than this by chance is not one. */
const CHANCE_MIN = 1e-6;
const DOUBTFUL_TICKS_MIN = 3;
const DEAD_TICKS_MIN = 10;

/**
 * Whether a silence of the feed is chance. Pongs prove the connection, not the exchange behind its gateway: in a maintenance
 * they go on while nothing is sent. A feed of hundreds of markets has a frame in nearly each second; with a share `p` of
 * such seconds, `n` silent ones in a row have the chance (1 − p)ⁿ.
 *
 * Counted in ticks and not by a clock, so that a stall of our own process, in which neither frames nor ticks are
 * handled, is not taken for the exchange's.
 */
export class Pulse {
  readonly #beats = new Uint8Array(TICKS_KEPT);
  #ticks = 0;
  #beatsKept = 0;
  #silent = 0;

  /** Once a second while subscribed. @param beat whether a frame came since the tick before */
  tick(beat: boolean): void {
    this.#silent = beat ? 0 : this.#silent + 1;
    // an outage is no habit
    if (this.silence !== "chance") return;
    const at = this.#ticks++ % TICKS_KEPT;
    this.#beatsKept += Number(beat) - this.#beats[at]!;
    this.#beats[at] = Number(beat);
  }

  /** A new subscription: the habit stays, the silence begins anew. */
  restart(): void {
    this.#silent = 0;
  }

  /**
   * `doubtful`: what the exchange should have sent may be missing. `dead`: a new connection may find a living gateway.
   */
  get silence(): "chance" | "doubtful" | "dead" {
    if (this.#ticks < TICKS_MIN) return "chance";
    const share = this.#beatsKept / (Math.min(this.#ticks, TICKS_KEPT) + 1);
    if (share < BUSY_SHARE_MIN) return "chance";
    const doubtful = Math.max(
      DOUBTFUL_TICKS_MIN,
      Math.ceil(Math.log(CHANCE_MIN) / Math.log(1 - share)),
    );
    if (this.#silent < doubtful) return "chance";
    return this.#silent < Math.max(DEAD_TICKS_MIN, 2 * doubtful) ? "doubtful" : "dead";
  }
}
