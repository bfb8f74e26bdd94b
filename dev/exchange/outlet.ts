import type { Faults } from "./faults.ts";
import { garbled } from "./garble.ts";

/** Frames held back for a later one, per connection; the oldest goes out when there are more. */
const heldMax = 1000;

/** One connection's way out for candles and tickers: sends frames as the faults of the moment allow. */
export class Outlet {
  readonly #faults: Faults;
  readonly #chance: () => number;
  readonly #send: (bytes: Uint8Array) => void;
  /** Frames that wait to be overtaken, `reorder`. */
  readonly #held: Uint8Array[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(faults: Faults, chance: () => number, send: (bytes: Uint8Array) => void) {
    this.#faults = faults;
    this.#chance = chance;
    this.#send = send;
  }

  deliver(bytes: Uint8Array): void {
    if (this.#faults.get("silence") || this.#faults.get("maintenance")) return;
    if (this.#hits("drop")) return;
    const garble = this.#hits("garble");
    const frame = garble
      ? encoder.encode(garbled(decoder.decode(bytes), garble.form, this.#chance))
      : bytes;
    const delay = this.#hits("delay");
    if (delay) setTimeout(() => this.#send(frame), delay.by_ms);
    else this.#inOrder(frame);
    const duplicate = this.#hits("duplicate");
    if (duplicate) setTimeout(() => this.#send(frame), duplicate.by_ms);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
  }

  /** A held frame goes out right after the next one that is not held, or when its time is over. */
  #inOrder(frame: Uint8Array): void {
    const reorder = this.#hits("reorder");
    if (reorder) {
      this.#held.push(frame);
      if (this.#held.length > heldMax) this.#send(this.#held.shift()!);
      this.#timer ??= setTimeout(() => this.#release(), reorder.by_ms);
      return;
    }
    this.#send(frame);
    this.#release();
  }

  /** The newest first: what was held together is turned round too. */
  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const bytes of this.#held.reverse()) this.#send(bytes);
    this.#held.length = 0;
  }

  #hits(kind: "drop" | "garble" | "delay" | "duplicate" | "reorder") {
    const fault = this.#faults.get(kind);
    return fault !== undefined && this.#chance() < fault.share ? fault : undefined;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
