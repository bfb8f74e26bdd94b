import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { Book } from "./book.ts";
import type { Clock } from "./clock.ts";
import type { Element, Format } from "./element.ts";
import type { Faults } from "./faults.ts";
import type { Audience } from "./feed.ts";
import { readRequest, type Subscription } from "./subscription.ts";
import { snapshot } from "./views.ts";

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

export interface SocketStatus {
  readonly connections: number;
  readonly connects: number;
  /** When the newest connections began, real ms since the epoch. */
  readonly connect_times_ms: readonly number[];
  readonly frames_sent: number;
  readonly bytes_sent: number;
}

/** Unsent bytes at which a client that does not read is cut off. */
const unsentBytesMax = 64 * 1024 * 1024;
const connectTimesKept = 1000;

/** The exchange's WebSocket: connections, what each subscribed, and the frames they get. */
export class Socket implements Audience {
  readonly #book: Book;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #times: SocketTimes;
  readonly #chance: () => number;
  readonly #server: WebSocketServer;
  readonly #connections = new Set<Connection>();
  /** Who gets what: `type market` to connections. */
  readonly #listeners = new Map<string, Set<Connection>>();
  readonly #connectTimesMs: number[] = [];
  #connects = 0;
  #framesSent = 0;
  #bytesSent = 0;
  #subscribed = Promise.withResolvers<void>();

  constructor(
    book: Book,
    clock: Clock,
    faults: Faults,
    times: SocketTimes,
    chance: () => number,
  ) {
    this.#book = book;
    this.#clock = clock;
    this.#faults = faults;
    this.#times = times;
    this.#chance = chance;
    // permessage-deflate is used where the client offers it, never pressed on it.
    this.#server = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 256 } });
    this.#server.on("headers", (headers) => {
      headers.push("remaining-req: group=websocket; min=300; sec=4");
    });
  }

  /** Resolves with the first subscription. */
  get firstSubscriber(): Promise<void> {
    return this.#subscribed.promise;
  }

  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, stream, head, (client) => this.#accept(client));
  }

  wants(type: string, market: string): boolean {
    return this.#listeners.has(`${type} ${market}`);
  }

  publish(element: Element): void {
    const listeners = this.#listeners.get(`${element.type} ${element.market}`);
    if (listeners === undefined) return;
    for (const connection of listeners) this.#deliver(connection, element);
  }

  status(): SocketStatus {
    return {
      connections: this.#connections.size,
      connects: this.#connects,
      connect_times_ms: this.#connectTimesMs,
      frames_sent: this.#framesSent,
      bytes_sent: this.#bytesSent,
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.client.terminate();
    this.#server.close();
  }

  #accept(client: WebSocket): void {
    const connection: Connection = {
      client,
      format: "DEFAULT",
      subscription: undefined,
      keys: [],
      idle: undefined,
      status: undefined,
      pending: undefined,
    };
    this.#connections.add(connection);
    this.#connects++;
    this.#connectTimesMs.push(Date.now());
    if (this.#connectTimesMs.length > connectTimesKept) this.#connectTimesMs.shift();
    this.#heard(connection);
    client.on("message", (data, binary) => {
      this.#heard(connection);
      this.#receive(connection, textOf(data), binary);
    });
    client.on("ping", () => this.#heard(connection));
    client.on("error", () => client.terminate());
    client.on("close", () => this.#forget(connection));
  }

  #heard(connection: Connection): void {
    clearTimeout(connection.idle);
    connection.idle = setTimeout(() => connection.client.terminate(), this.#times.idleMs);
  }

  #receive(connection: Connection, text: string, _binary: boolean): void {
    const request = readRequest(text, connection.format);
    if (request.kind === "subscribe") this.#subscribe(connection, request.subscription);
    else if (request.kind === "list") this.#list(connection, request.ticket);
    else if (request.kind === "ping") this.#ping(connection);
    else {
      const { name, message } = request;
      this.#send(connection, encoder.encode(JSON.stringify({ error: { name, message } })));
      setTimeout(() => connection.client.close(1000), this.#times.closeMs);
    }
  }

  /** The new subscription replaces the old one whole, in the moment its snapshots are sent. */
  #subscribe(connection: Connection, subscription: Subscription): void {
    clearTimeout(connection.pending);
    connection.pending = setTimeout(() => {
      this.#unlisten(connection);
      connection.format = subscription.format;
      connection.subscription = subscription;
      const nowMs = this.#clock.trueMs();
      const listed = new Set(this.#book.names(nowMs).map((name) => name.market));
      for (const { type, codes, snapshot: wantsSnapshot, realtime } of subscription.wishes) {
        for (const code of codes) {
          // Unknown and lower-case codes get nothing, not even an error. A code listed later begins then.
          if (realtime) this.#listen(connection, `${type} ${code}`);
          if (!wantsSnapshot || !listed.has(code)) continue;
          const element = snapshot(this.#book, type, code, nowMs);
          if (element !== undefined) this.#deliver(connection, element);
        }
      }
      this.#subscribed.resolve();
    }, this.#times.snapshotMs);
  }

  #list(connection: Connection, ticket: string): void {
    const wishes = connection.subscription?.wishes ?? [];
    const listed = new Set(this.#book.names(this.#clock.trueMs()).map((name) => name.market));
    const result = wishes.map(({ type, codes }) => ({
      type,
      codes: codes.filter((code) => listed.has(code)),
    })).filter(({ codes }) => codes.length > 0);
    const answer = { method: "LIST_SUBSCRIPTIONS", result, ticket };
    this.#send(connection, encoder.encode(JSON.stringify(answer)));
  }

  #ping(connection: Connection): void {
    const up = () => this.#send(connection, encoder.encode('{"status":"UP"}'));
    clearInterval(connection.status);
    connection.status = setInterval(up, this.#times.statusMs);
    up();
  }

  /** Sends an element as the faults of the moment allow. */
  #deliver(connection: Connection, element: Element): void {
    if (this.#faults.get("silence")) return;
    const hit = (share: number | undefined) => share !== undefined && this.#chance() < share;
    if (hit(this.#faults.get("drop")?.share)) return;
    const bytes = element.bytes(connection.format);
    const delay = this.#faults.get("delay");
    const send = () => this.#send(connection, bytes);
    if (hit(delay?.share)) setTimeout(send, delay!.by_ms);
    else send();
    const duplicate = this.#faults.get("duplicate");
    if (hit(duplicate?.share)) setTimeout(send, duplicate!.by_ms);
  }

  #send(connection: Connection, bytes: Uint8Array): void {
    const { client } = connection;
    if (client.readyState !== client.OPEN) return;
    if (client.bufferedAmount > unsentBytesMax) return client.terminate();
    client.send(bytes, { binary: true });
    this.#framesSent++;
    this.#bytesSent += bytes.length;
  }

  #listen(connection: Connection, key: string): void {
    let listeners = this.#listeners.get(key);
    if (listeners === undefined) this.#listeners.set(key, listeners = new Set());
    listeners.add(connection);
    connection.keys.push(key);
  }

  #unlisten(connection: Connection): void {
    for (const key of connection.keys) {
      const listeners = this.#listeners.get(key);
      listeners?.delete(connection);
      if (listeners?.size === 0) this.#listeners.delete(key);
    }
    connection.keys.length = 0;
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#unlisten(connection);
    clearTimeout(connection.idle);
    clearTimeout(connection.pending);
    clearInterval(connection.status);
  }
}

interface Connection {
  readonly client: WebSocket;
  format: Format;
  subscription: Subscription | undefined;
  readonly keys: string[];
  idle: ReturnType<typeof setTimeout> | undefined;
  status: ReturnType<typeof setInterval> | undefined;
  pending: ReturnType<typeof setTimeout> | undefined;
}

const encoder = new TextEncoder();

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.from(data as Buffer).toString();
}
