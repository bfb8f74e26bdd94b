/**
 * The exchange's time. Everything that asks what time it is asks here, so that one object decides start, speed and jumps.
 * Keep-alive, idle close and rate limits belong to the link, not to the market, and run on real time.
 */
export class Clock {
  readonly speed: number;
  readonly #startMs: number;
  readonly #wall: () => number;
  /** When it began to run; null while it stands at its start. */
  #begunMs: number | null = null;
  #stepMs = 0;

  /**
   * A clock that stands until `run`.
   *
   * @param startMs exchange time at the start, ms since the epoch
   * @param speed exchange seconds per real second
   * @param wall the machine's time, ms
   */
  constructor(startMs: number, speed: number, wall: () => number) {
    if (!(speed > 0)) throw new RangeError(`speed ${speed} must be above 0`);
    this.speed = speed;
    this.#startMs = startMs;
    this.#wall = wall;
  }

  /** Lets it run from its start; a running clock stays as it is. */
  run(): void {
    this.#begunMs ??= this.#wall();
  }

  /** Exchange time, whole ms since the epoch. */
  nowMs(): number {
    return this.trueMs() + this.#stepMs;
  }

  /** Exchange time without the steps of a fault: what the market itself goes by. */
  trueMs(): number {
    if (this.#begunMs === null) return this.#startMs;
    return Math.floor(this.#startMs + (this.#wall() - this.#begunMs) * this.speed);
  }

  /** The machine's time, ms: what belongs to the link, as limits do, goes by it at any speed. */
  linkMs(): number {
    return this.#wall();
  }

  /** By how much the fault of a clock that jumps has shifted it. */
  get stepMs(): number {
    return this.#stepMs;
  }

  /** Shifts what `nowMs` says: the fault of a clock that jumps. */
  step(byMs: number): void {
    this.#stepMs += byMs;
  }

  /** Real ms until the exchange's clock reaches the moment; 0 where it is past. */
  realMsUntil(atMs: number): number {
    return Math.max(0, Math.ceil((atMs - this.trueMs()) / this.speed));
  }
}
