import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { AmendedBook } from "./amended_book.ts";
import type { Book } from "./book.ts";
import type { Clock } from "./clock.ts";
import { type SocketTimes, socketTimes } from "./connection.ts";
import { Control } from "./control.ts";
import { Faults } from "./faults.ts";
import { Feed } from "./feed.ts";
import { Front, listen } from "./front.ts";
import { hookMarketFaults } from "./market_faults.ts";
import { Chance } from "./random.ts";
import { RateLimits } from "./rate_limits.ts";
import { Rest } from "./rest.ts";
import { runSchedule, type Schedule } from "./schedule.ts";
import { SimulatedBook } from "./simulated_book.ts";
import { Socket } from "./socket.ts";
import { tickerAt } from "./ticker.ts";

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
  /** The exchange's limits on requests, connections and messages. Default: on. */
  readonly limits?: boolean;
  readonly times?: Partial<SocketTimes>;
  /** Faults to come, counted from the start. */
  readonly schedule?: Schedule | undefined;
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
  const { clock, seed, limits = true } = settings;
  const base = settings.book;
  const book = new AmendedBook(base);
  const draw = new Chance(seed);
  const chance = () => draw.next();
  const faults = new Faults(() => performance.now());
  const times = { ...socketTimes, ...settings.times };
  const socket = new Socket(book, clock, faults, { times, chance, limits });
  const counted = limits ? new RateLimits(() => clock.linkMs()) : null;
  const front = new Front(new Rest(book, clock), socket, clock, faults, counted);
  const feed = new Feed(book, clock, socket);
  const control = new Control(book, clock, faults, socket, feed);
  hookMarketFaults(faults, {
    book,
    clock,
    chance,
    list: base instanceof SimulatedBook ? (market, atMs) => base.list(market, atMs) : undefined,
    resend: (market, atMs) => feed.resend(market, atMs),
  });

  const back = createServer((request, response) => {
    control.handle(request, response).catch((error) => response.destroy(error));
  });
  const port = await front.open(settings.port);
  await listen(back, settings.controlPort);

  const stop = new AbortController();
  const play = async () => {
    if (settings.waits) await Promise.race([socket.firstSubscriber, aborted(stop.signal)]);
    clock.run();
    await feed.run(stop.signal);
  };
  const work = Promise.all([
    play(),
    warm(book, clock, stop.signal),
    settings.schedule && runSchedule(settings.schedule, faults, stop.signal),
  ]);
  return {
    ws: `ws://127.0.0.1:${port}/websocket/v1`,
    rest: `http://127.0.0.1:${port}/v1`,
    control: `http://127.0.0.1:${(back.address() as AddressInfo).port}`,
    faults,
    async close() {
      stop.abort();
      faults.close();
      socket.close();
      await Promise.all([work, front.close(), shut(back)]);
    },
  };
}

/** A first ticker looks through 52 weeks: done market by market between other work, before anyone asks. */
async function warm(book: Book, clock: Clock, signal: AbortSignal): Promise<void> {
  const nowMs = clock.trueMs();
  for (const { market } of book.names(nowMs)) {
    if (signal.aborted) return;
    tickerAt(book, market, nowMs, 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
