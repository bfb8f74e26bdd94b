import { Buffer } from "node:buffer";
import { get, type IncomingMessage } from "node:http";
import {
  decodePostgresCandleEvent,
  type PostgresCandleEvent,
} from "#core/event/postgres_candle_event.ts";

/** Ages of the events that were looked at, ms. */
export interface Ages {
  /** Since the exchange's own timestamp: the moment the load wrote the frame. */
  readonly sent: number[];
  /** Since ingest's receipt of the frame. */
  readonly received: number[];
}

const FRAME = Buffer.from("event: ");
const RECEIVED = '"received_at_ms":';
const SENT = { ticker: '"timestamp_ms":', candle: '"last_tick_at_ms":' } as const;

/** A client of `/api/stream` that counts all events, and reads the age of one in `every`. */
export class SseClient {
  readonly #every: number;
  readonly #onRollup: ((event: PostgresCandleEvent, nowMs: number) => void) | undefined;
  #response: IncomingMessage | null = null;
  #rest = Buffer.alloc(0);
  #seen = 0;
  ages: Readonly<Record<"ticker" | "candle", Ages>> = noAges();
  events = 0;

  /** @param onRollup called with each `postgres-candle` and the time, ms */
  constructor(every: number, onRollup?: (event: PostgresCandleEvent, nowMs: number) => void) {
    this.#every = every;
    this.#onRollup = onRollup;
  }

  open(page: string, query: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = get(`${page}/api/stream?${query}`, (response) => {
        this.#response = response;
        response.on("data", (bytes: Buffer) => this.#take(bytes));
        response.on("error", () => {});
        resolve();
      });
      request.on("error", reject);
    });
  }

  close(): void {
    this.#response?.destroy();
  }

  /** Forgets the ages read so far. */
  restart(): void {
    this.ages = noAges();
  }

  #take(bytes: Buffer): void {
    const nowMs = Date.now();
    const data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let from = 0;
    for (;;) {
      const end = data.indexOf("\n\n", from);
      if (end < 0) break;
      if (data.indexOf(FRAME, from) === from) {
        if (this.#onRollup !== undefined && data[from + FRAME.length] === 0x70) {
          const text = data.toString("latin1", from, end);
          this.#onRollup(decodePostgresCandleEvent(text.slice(text.indexOf("data: ") + 6)), nowMs);
        }
        const kind = data[from + FRAME.length] === 0x74 ? data[from + FRAME.length + 1] : 0;
        const name = data[from + FRAME.length] === 0x63
          ? "candle"
          : kind === 0x69
          ? "ticker"
          : null;
        if (name !== null) {
          this.events++;
          if (this.#seen++ % this.#every === 0) {
            this.#read(name, data.toString("latin1", from, end), nowMs);
          }
        }
      }
      from = end + 2;
    }
    this.#rest = Buffer.from(data.subarray(from));
  }

  #read(name: "ticker" | "candle", event: string, nowMs: number): void {
    if (event.includes('"origin":"rest"')) return; // repaired: of the past, whenever it comes
    const { sent, received } = this.ages[name];
    sent.push(nowMs - numberAfter(event, SENT[name]));
    received.push(nowMs - numberAfter(event, RECEIVED));
  }
}

function noAges(): Record<"ticker" | "candle", Ages> {
  return { ticker: { sent: [], received: [] }, candle: { sent: [], received: [] } };
}

function numberAfter(text: string, name: string): number {
  const at = text.indexOf(name) + name.length;
  return Number(text.slice(at, at + 13));
}

/** The value below which this share lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}
