import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { Book } from "./book.ts";
import type { Clock } from "./clock.ts";
import { Connection, type ConnectionPorts, type SocketTimes } from "./connection.ts";
import type { Element } from "./element.ts";
import type { Faults } from "./faults.ts";
import type { Audience } from "./feed.ts";
import type { Subscription } from "./subscription.ts";
import { Turns } from "./turns.ts";
import { snapshot } from "./views.ts";

export interface SocketSettings {
  readonly times: SocketTimes;
  readonly chance: () => number;
  /** Whether messages are limited. */
  readonly limits: boolean;
}

export interface SocketStatus {
  readonly connections: number;
  readonly connects: number;
  /** When the newest connections began, real ms since the epoch. */
  readonly connect_times_ms: readonly number[];
  readonly frames_sent: number;
  readonly bytes_sent: number;
}

const connectTimesKept = 1000;

/** The exchange's WebSocket: connections, what each subscribed, and the frames they get. */
export class Socket implements Audience {
  readonly #book: Book;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #ports: ConnectionPorts;
  readonly #server: WebSocketServer;
  readonly #connections = new Set<Connection>();
  /** Who gets what: `type market` to connections. */
  readonly #listeners = new Map<string, Set<Connection>>();
  readonly #connectTimesMs: number[] = [];
  #connects = 0;
  #framesSent = 0;
  #bytesSent = 0;
  #subscribed = Promise.withResolvers<void>();
  /** For the answer to the upgrade under way. */
  #connectsLeft = 0;

  constructor(book: Book, clock: Clock, faults: Faults, settings: SocketSettings) {
    this.#book = book;
    this.#clock = clock;
    this.#faults = faults;
    const { times, chance, limits } = settings;
    this.#ports = {
      times,
      faults,
      chance,
      limitsNowMs: limits ? () => clock.linkMs() : null,
      subscribe: (connection, subscription) => this.#subscribe(connection, subscription),
      list: (connection) => this.#list(connection),
      sent: (bytes) => {
        this.#framesSent++;
        this.#bytesSent += bytes;
      },
      closed: (connection) => {
        this.#connections.delete(connection);
        this.#unlisten(connection);
      },
    };
    // permessage-deflate is used where the client offers it, never pressed on it.
    this.#server = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 256 } });
    this.#server.on("headers", (headers) => {
      headers.push(`remaining-req: group=websocket; min=300; sec=${this.#connectsLeft}`);
    });
    this.#hookFaults(chance);
  }

  /** Resolves with the first subscription. */
  get firstSubscriber(): Promise<void> {
    return this.#subscribed.promise;
  }

  /** @param connectsLeft how many more may connect in this second */
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer, connectsLeft: number): void {
    this.#connectsLeft = connectsLeft;
    this.#server.handleUpgrade(request, stream, head, (client) => {
      const connection = new Connection(client, stream, this.#ports);
      this.#connections.add(connection);
      this.#connects++;
      this.#connectTimesMs.push(Date.now());
      if (this.#connectTimesMs.length > connectTimesKept) this.#connectTimesMs.shift();
      const idleClose = this.#faults.get("idle_close");
      if (idleClose) setTimeout(() => connection.cut(), idleClose.by_ms);
    });
  }

  wants(type: string, market: string): boolean {
    return this.#listeners.has(`${type} ${market}`);
  }

  publish(element: Element): void {
    const listeners = this.#listeners.get(`${element.type} ${element.market}`);
    if (listeners === undefined) return;
    for (const connection of listeners) connection.deliver(element);
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
    for (const connection of this.#connections) connection.cut();
    this.#server.close();
  }

  #hookFaults(chance: () => number): void {
    const some = (share: number) => [...this.#connections].filter(() => chance() < share);
    this.#faults.hook("half_open", ({ share }) => {
      for (const connection of some(share)) {
        this.#unlisten(connection);
        connection.strand();
      }
    });
    this.#faults.hook("idle_close", ({ share, by_ms }) => {
      for (const connection of some(share)) setTimeout(() => connection.cut(), by_ms);
    });
    this.#faults.hook("error_frame", ({ share, name = "INVALID_PARAM" }) => {
      for (const connection of some(share)) connection.fail(name, "잘못된 요청입니다.");
    });
  }

  /** The new subscription replaces the old one whole, in the moment its snapshots begin. */
  #subscribe(connection: Connection, subscription: Subscription): void {
    this.#unlisten(connection);
    connection.format = subscription.format;
    connection.subscription = subscription;
    for (const { type, codes, realtime } of subscription.wishes) {
      // Unknown and lower-case codes get nothing, not even an error. A code listed later begins then.
      if (realtime) { for (const code of codes) this.#listen(connection, `${type} ${code}`); }
    }
    void this.#snapshots(connection, subscription);
    this.#subscribed.resolve();
  }

  /** Each as of when it is sent, never older than what went out before it. First ones are work: frames go out meanwhile. */
  async #snapshots(connection: Connection, subscription: Subscription): Promise<void> {
    const turns = new Turns();
    const listed = this.#listed();
    for (const { type, codes, snapshot: wanted } of subscription.wishes) {
      for (const code of wanted ? codes : []) {
        if (!listed.has(code)) continue;
        const nowMs = this.#clock.trueMs();
        const element = snapshot(this.#book, type, code, nowMs, this.#clock.stepMs);
        if (element !== undefined) connection.deliver(element);
        await turns.next();
        if (connection.subscription !== subscription || !this.#connections.has(connection)) return;
      }
    }
  }

  /** What of its subscription the exchange knows. */
  #list(connection: Connection): unknown {
    const listed = this.#listed();
    return (connection.subscription?.wishes ?? []).map(({ type, codes }) => ({
      type,
      codes: codes.filter((code) => listed.has(code)),
    })).filter(({ codes }) => codes.length > 0);
  }

  #listed(): ReadonlySet<string> {
    return new Set(this.#book.names(this.#clock.trueMs()).map((name) => name.market));
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
}
