import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Book } from "./book.ts";
import { bucketStartMs } from "./calendar.ts";
import type { Clock } from "./clock.ts";
import { Control } from "./control.ts";
import { Faults } from "./faults.ts";
import { Feed } from "./feed.ts";
import { Chance } from "./random.ts";
import { respond, Rest, urlOf } from "./rest.ts";
import { Socket, type SocketTimes, socketTimes } from "./socket.ts";

export interface ExchangeSettings {
  readonly book: Book;
  readonly clock: Clock;
  /** The clock stands until someone subscribed: a recording is played to its first listener from its beginning. */
  readonly waits?: boolean;
  /** Port of WebSocket and REST; 0: any free one. */
  readonly port: number;
  readonly controlPort: number;
  /** Chance of the faults. */
  readonly seed: number;
  readonly times?: Partial<SocketTimes>;
}

/** A running exchange. */
export interface Exchange {
  readonly ws: string;
  readonly rest: string;
  readonly control: string;
  readonly faults: Faults;
  close(): Promise<void>;
}

/** Starts an exchange on loopback: one port for WebSocket and REST, one for control. */
export async function startExchange(settings: ExchangeSettings): Promise<Exchange> {
  const { book, clock, seed } = settings;
  const chance = new Chance(seed);
  const faults = new Faults(() => performance.now());
  const times = { ...socketTimes, ...settings.times };
  const socket = new Socket(book, clock, faults, times, () => chance.next());
  const rest = new Rest(book, clock);
  const control = new Control(book, clock, faults, socket);

  const front = createServer((request, response) => {
    const url = urlOf(request);
    if (url === undefined) return void response.writeHead(400).end();
    respond(response, rest.answer(url), 9);
  });
  front.on("upgrade", (request, stream, head) => {
    if (urlOf(request)?.pathname === "/websocket/v1") socket.upgrade(request, stream, head);
    else stream.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  });
  const back = createServer((request, response) => {
    control.handle(request, response).catch((error) => response.destroy(error));
  });
  const port = await listen(front, settings.port);
  const controlPort = await listen(back, settings.controlPort);

  const stop = new AbortController();
  const play = async () => {
    if (settings.waits) await Promise.race([socket.firstSubscriber, aborted(stop.signal)]);
    clock.run();
    await new Feed(book, clock, socket).run(stop.signal);
  };
  const feed = Promise.all([play(), warm(book, clock, stop.signal)]);
  return {
    ws: `ws://127.0.0.1:${port}/websocket/v1`,
    rest: `http://127.0.0.1:${port}/v1`,
    control: `http://127.0.0.1:${controlPort}`,
    faults,
    async close() {
      stop.abort();
      socket.close();
      await Promise.all([feed, shut(front), shut(back)]);
    },
  };
}

/** 52 weeks of every market take seconds to look through: done market by market between other work, before anyone asks. */
async function warm(book: Book, clock: Clock, signal: AbortSignal): Promise<void> {
  const nowMs = clock.trueMs();
  for (const { market } of book.names(nowMs)) {
    if (signal.aborted) return;
    book.extremes(market, bucketStartMs("d", nowMs));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
