import type { Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";
import { inOnePiece } from "./one_piece.ts";

/** A second or a roll-up as it is held for tails: its newest revision. */
export interface HeldCandle {
  readonly market: Market;
  readonly startsAtMs: number;
  /** Of a roll-up. */
  readonly interval?: Interval;
  readonly receivedAtMs: number;
  readonly offset: bigint;
  /** The JSON of its event. */
  readonly data: string;
}

/**
 * The newest revisions of the seconds of one partition, held until they are both old and stored: the beginning of every
 * connection. In the order of their offsets.
 *
 * {@link sinceMs} is the promise: every second received at or after it is held (or, replaced by a newer revision, that
 * one is). It rises exactly when something is dropped.
 */
export class TailRing {
  readonly #rowsMax: number;
  /** By identity; a replaced second moves to the end, so that insertion order stays offset order. */
  readonly #held = new Map<string, HeldCandle>();
  #sinceMs: number | null = null;
  #dropped = false;
  #committed = 0n;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  get size(): number {
    return this.#held.size;
  }

  /** ms on ingest's clock; null as long as nothing is known. */
  get sinceMs(): number | null {
    return this.#sinceMs;
  }

  /**
   * Everything received at or after this time lies behind the point where reading began. Of several such statements the
   * earliest is the strongest; once the ring has dropped something, none is heard.
   */
  beginsAt(sinceMs: number): void {
    if (this.#dropped) return;
    this.#sinceMs = this.#sinceMs === null ? sinceMs : Math.min(this.#sinceMs, sinceMs);
  }

  /** Offset behind what the database has stored: records from there on are only here. */
  committed(offset: bigint): void {
    if (offset > this.#committed) this.#committed = offset;
  }

  /** @returns how many seconds gave way to the limit although they were still wanted */
  add(candle: HeldCandle): number {
    const key = keyOf(candle);
    this.#held.delete(key);
    this.#held.set(key, { ...candle, data: inOnePiece(candle.data) });
    if (this.#held.size <= this.#rowsMax) return 0;
    const [oldestKey, oldest] = this.#held.entries().next().value!;
    this.#drop(oldestKey, oldest);
    return 1;
  }

  /** Another revision of a second that is held, which keeps its place: it is stored. */
  amend(market: Market, startsAtMs: number, data: string): void {
    const key = keyOf({ market, startsAtMs });
    const held = this.#held.get(key);
    if (held !== undefined) this.#held.set(key, { ...held, data: inOnePiece(data) });
  }

  /** Drops what was received before the time, except what is not stored yet. */
  prune(beforeMs: number): void {
    for (const [key, candle] of this.#held) {
      if (candle.receivedAtMs >= beforeMs || candle.offset >= this.#committed) return;
      this.#drop(key, candle);
    }
  }

  values(): Iterable<HeldCandle> {
    return this.#held.values();
  }

  #drop(key: string, candle: HeldCandle): void {
    this.#held.delete(key);
    this.#dropped = true;
    this.#sinceMs = Math.max(this.#sinceMs ?? 0, candle.receivedAtMs + 1);
  }
}

function keyOf(
  { market, interval, startsAtMs }: Pick<HeldCandle, "market" | "interval" | "startsAtMs">,
): string {
  return `${market} ${interval ?? ""} ${startsAtMs}`;
}
