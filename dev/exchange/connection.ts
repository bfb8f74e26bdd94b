import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import type { Element, Format } from "./element.ts";
import type { Faults } from "./faults.ts";
import { Outlet } from "./outlet.ts";
import { messageAllowances, Window } from "./rate_limits.ts";
import { readRequest, type Request, type Subscription } from "./subscription.ts";

/** Real ms, as measured on the exchange (UPBIT.md 2 and 6). */
export interface SocketTimes {
  /** A client that says nothing for so long loses the connection without a close frame (documented 120 s, measured 60.5 s). */
  readonly idleMs: number;
  /** From a subscribe frame to its snapshots (measured 172–354 ms). */
  readonly snapshotMs: number;
  /** From an error frame to the close. */
  readonly closeMs: number;
  /** Between two `{"status":"UP"}` after a text PING. */
  readonly statusMs: number;
}

export const socketTimes: SocketTimes = {
  idleMs: 60_500,
  snapshotMs: 180,
  closeMs: 150,
  statusMs: 10_000,
};

/** Unsent bytes at which a client that does not read is cut off. */
const unsentBytesMax = 64 * 1024 * 1024;

/** What a connection needs of the socket it belongs to. */
export interface ConnectionPorts {
  readonly times: SocketTimes;
  readonly faults: Faults;
  readonly chance: () => number;
  /** The machine's time, ms, that messages are counted by; null: they are not. */
  readonly limitsNowMs: (() => number) | null;
  readonly subscribe: (connection: Connection, subscription: Subscription) => void;
  readonly list: (connection: Connection) => unknown;
  readonly sent: (bytes: number) => void;
  readonly closed: (connection: Connection) => void;
}

/** One client's connection: keep-alive, what it says, and its way out. */
export class Connection {
  format: Format = "DEFAULT";
  subscription: Subscription | undefined;
  /** What it listens to: `type market`. */
  readonly keys: string[] = [];
  readonly #client: WebSocket;
  readonly #stream: Duplex;
  readonly #ports: ConnectionPorts;
  readonly #outlet: Outlet;
  readonly #windows = messageAllowances.map((allowance) => new Window(allowance));
  #stranded = false;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #status: ReturnType<typeof setInterval> | undefined;
  #pending: ReturnType<typeof setTimeout> | undefined;

  constructor(client: WebSocket, stream: Duplex, ports: ConnectionPorts) {
    this.#client = client;
    this.#stream = stream;
    this.#ports = ports;
    this.#outlet = new Outlet(ports.faults, ports.chance, (bytes) => this.#send(bytes));
    this.#heard();
    client.on("message", (data) => {
      this.#heard();
      this.#receive(textOf(data));
    });
    client.on("ping", () => this.#heard());
    client.on("error", () => client.terminate());
    client.on("close", () => this.#forget());
  }

  /** A candle or a ticker, as the faults of the moment allow. */
  deliver(element: Element): void {
    this.#outlet.deliver(element.bytes(this.format));
  }

  /** Ends without a close frame. */
  cut(): void {
    this.#client.terminate();
  }

  /** An error frame, then close 1000. */
  fail(name: string, message: string): void {
    this.#say({ error: { name, message } });
    setTimeout(() => this.#client.close(1000), this.#ports.times.closeMs);
  }

  /** The other end is gone and nobody said so: nothing is answered any more, for ever. The client has to notice. */
  strand(): void {
    this.#stranded = true;
    this.#still();
    this.#stream.removeAllListeners("data");
    this.#stream.resume();
  }

  #heard(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.cut(), this.#ports.times.idleMs);
  }

  #receive(text: string): void {
    const request = readRequest(text, this.format);
    if (request.kind === "ping") return this.#ping();
    if (!this.#allowed()) {
      return this.fail("TOO_MANY_REQUESTS", "요청이 너무 많습니다. 잠시 후 다시 시도해주세요.");
    }
    this.#obey(request);
  }

  #obey(request: Exclude<Request, { kind: "ping" }>): void {
    if (request.kind === "error") return this.fail(request.name, request.message);
    if (request.kind === "list") {
      const result = this.#ports.list(this);
      return this.#say({ method: "LIST_SUBSCRIPTIONS", result, ticket: request.ticket });
    }
    clearTimeout(this.#pending);
    const { subscription } = request;
    this.#pending = setTimeout(
      () => this.#ports.subscribe(this, subscription),
      this.#ports.times.snapshotMs,
    );
  }

  /** Five messages a second, a hundred a minute. */
  #allowed(): boolean {
    const { limitsNowMs } = this.#ports;
    if (limitsNowMs === null) return true;
    return this.#windows.map((window) => window.take(limitsNowMs())).every((left) => left >= 0);
  }

  #ping(): void {
    const up = () => this.#say({ status: "UP" });
    clearInterval(this.#status);
    this.#status = setInterval(up, this.#ports.times.statusMs);
    up();
  }

  #say(value: unknown): void {
    this.#send(encoder.encode(JSON.stringify(value)));
  }

  #send(bytes: Uint8Array): void {
    const client = this.#client;
    if (client.readyState !== client.OPEN || this.#stranded) return;
    if (client.bufferedAmount > unsentBytesMax) return client.terminate();
    client.send(bytes, { binary: true });
    this.#ports.sent(bytes.length);
  }

  #still(): void {
    this.#outlet.close();
    clearTimeout(this.#idle);
    clearTimeout(this.#pending);
    clearInterval(this.#status);
  }

  #forget(): void {
    this.#still();
    this.#ports.closed(this);
  }
}

const encoder = new TextEncoder();

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.from(data as Buffer).toString();
}
