import type { LiveEvent } from "../live_event.ts";
import { asciiBytes } from "./ascii_bytes.ts";
import { Mailbox } from "./mailbox.ts";

/** The connection below a client: a socket, or an object literal in a test. */
export interface Wire {
  /** Bytes handed over that the operating system has not taken yet. */
  readonly unsentBytes: number;
  /** @param written called when the bytes were taken, or never will be */
  write(bytes: Uint8Array, written?: () => void): void;
  /** Ends the stream after what was written. */
  end(): void;
  /** Cuts it. */
  destroy(): void;
  onDrain(listener: () => void): void;
  onClose(listener: () => void): void;
}

export interface ClientLimits {
  /** With more unsent bytes than this a reader counts as behind: it gets no more until it has drained. */
  readonly unsentBytesMax: number;
  /** How long a reader may be behind, ms. */
  readonly behindMsMax: number;
  /** Identities that may wait for a reader that is behind. */
  readonly mailboxEntriesMax: number;
}

/** What a delivery came to. */
export interface Delivery {
  readonly written: boolean;
  /** Events that a newer revision replaced before they were sent. */
  readonly conflated: number;
}

const WRITTEN: Delivery = { written: true, conflated: 0 };

/** One reader of the stream. It is written to once a tick, with bytes it shares with its group, unless it is behind. */
export class Client {
  readonly wire: Wire;
  readonly address: string;
  lastWriteMs: number;
  readonly #limits: ClientLimits;
  readonly #mailbox: Mailbox;
  #behindSinceMs: number | null = null;
  #closed = false;

  constructor(wire: Wire, address: string, limits: ClientLimits, nowMs: number) {
    this.wire = wire;
    this.address = address;
    this.#limits = limits;
    this.#mailbox = new Mailbox(limits.mailboxEntriesMax);
    this.lastWriteMs = nowMs;
    wire.onClose(() => {
      this.#closed = true;
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  get behind(): boolean {
    return this.#behindSinceMs !== null;
  }

  /** @param bytes the events' frames, encoded once for the whole group */
  deliver(bytes: Uint8Array, events: readonly LiveEvent[], nowMs: number): Delivery {
    if (this.#behindSinceMs === null) {
      if (this.wire.unsentBytes <= this.#limits.unsentBytesMax) {
        this.write(bytes, nowMs);
        return WRITTEN;
      }
      this.#behindSinceMs = nowMs;
    }
    let conflated = 0;
    for (const event of events) {
      const put = this.#mailbox.put(event);
      if (put === "replaced") conflated++;
      if (put === "full") {
        this.cut();
        break;
      }
    }
    return { written: false, conflated };
  }

  /**
   * To be called when everything written was taken: what waited is sent and the reader is level again.
   *
   * @returns what was sent; null when nothing waited
   */
  drained(nowMs: number): { readonly events: number; readonly bytes: number } | null {
    if (this.#behindSinceMs === null || this.#closed) return null;
    this.#behindSinceMs = null;
    const events = this.#mailbox.size;
    if (events === 0) return null;
    const bytes = asciiBytes(this.#mailbox.take());
    this.write(bytes, nowMs);
    return { events, bytes: bytes.length };
  }

  write(bytes: Uint8Array, nowMs: number, written?: () => void): void {
    this.lastWriteMs = nowMs;
    this.wire.write(bytes, written);
  }

  /** Whether it is behind for longer than it may. */
  tooSlow(nowMs: number): boolean {
    return this.#behindSinceMs !== null && nowMs - this.#behindSinceMs > this.#limits.behindMsMax;
  }

  /** A reader that lost something must not go on: it connects again and gets a tail. */
  cut(): void {
    this.#closed = true;
    this.wire.destroy();
  }
}
