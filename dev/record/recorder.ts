import { Buffer } from "node:buffer";
import { Failure, reason } from "#core/failure.ts";
import { runWorkers, sleep } from "#core/lifecycle.ts";
import type { Market } from "#core/market.ts";
import type { Clock } from "../../services/ingest/clock.ts";
import { openExchangeSocket } from "../../services/ingest/exchange_socket.ts";
import { type Connection, type LinkEvent, runLink } from "../../services/ingest/link.ts";
import { fetchMarketList, readMarketList } from "../../services/ingest/market_list.ts";
import { subscribeFrame } from "../../services/ingest/subscription.ts";
import type { Entry, EntryKind } from "./entry.ts";

export interface RecorderOptions {
  readonly wsUrl: string;
  readonly restUrl: string;
  readonly markets: (market: Market) => boolean;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly chance: () => number;
  readonly newTicket: () => string;
  readonly sink: { add(entry: Entry): void; flush(): void };
  /** What a person at the terminal wants to know. */
  readonly say: (sentence: string) => void;
}

const LIST_EVERY_MS = 60_000;
const RETRY_MS = 2_000;
const FLUSH_EVERY_MS = 1_000;
/** The exchange takes 5 messages a second and 100 a minute of a connection. */
const SUBSCRIBE_EVERY_MS_MIN = 5_000;

/**
 * Holds the connection as ingest does, by ingest's own link, and writes down what comes with its time: frames unchanged, what
 * the link did, the market list. It reads nothing of a frame, so it also keeps what nobody can read.
 */
export async function record(options: RecorderOptions, signal: AbortSignal): Promise<void> {
  const { wsUrl, clock, chance, sink, say, newTicket } = options;
  let connection: Connection | null = null;
  let wanted: readonly Market[] = [];
  let subscribed: readonly Market[] = [];
  let subscribedAtMs = -Infinity;

  const add = (kind: EntryKind, payload: Buffer | string, atMs = clock.nowMs()): void =>
    sink.add({ atMs, kind, payload: Buffer.isBuffer(payload) ? payload : Buffer.from(payload) });
  const subscribe = (): void => {
    if (connection === null || wanted.length === 0 || subscribed === wanted) return;
    if (clock.steadyMs() - subscribedAtMs < SUBSCRIBE_EVERY_MS_MIN) return;
    subscribed = wanted;
    subscribedAtMs = clock.steadyMs();
    const frame = subscribeFrame(newTicket(), wanted);
    add("sent", frame);
    connection.sendText(frame);
  };
  const handle = (event: LinkEvent): void => {
    switch (event.kind) {
      case "frame":
        return add("frame", event.bytes, event.atMs);
      case "pong":
        return;
      case "up":
        connection = event.connection;
        subscribed = [];
        subscribedAtMs = -Infinity;
        add("up", "", event.atMs);
        say("connected");
        return subscribe();
      case "down":
        connection = null;
        if (event.wasUp) add("down", `${event.cause}: ${event.detail}`, event.atMs);
        say(`no connection: ${event.cause}, ${event.detail}`);
    }
  };

  await runWorkers([
    {
      name: "market list",
      run: (signal) =>
        watchMarkets(options, (text, markets) => {
          add("markets", text);
          if (markets.join() !== wanted.join()) wanted = markets;
        }, signal),
    },
    {
      name: "link",
      run: (signal) =>
        runLink({ url: wsUrl, open: openExchangeSocket, clock, chance }, handle, signal),
    },
    {
      name: "flush",
      run: async (signal) => {
        while (!signal.aborted) {
          await sleep(FLUSH_EVERY_MS, signal);
          subscribe();
          sink.flush();
        }
      },
    },
  ], signal);
}

/** @param take called when the list is another than before */
async function watchMarkets(
  { restUrl, markets, chance, say }: RecorderOptions,
  take: (text: string, markets: readonly Market[]) => void,
  signal: AbortSignal,
): Promise<void> {
  let known = "";
  while (!signal.aborted) {
    try {
      const text = await fetchMarketList(restUrl, signal);
      const { list } = readMarketList(text, markets);
      if (list.size === 0) {
        throw new Failure("markets_empty", "--markets chooses none of the exchange's markets");
      }
      if (text !== known) take(text, [...list.keys()]);
      known = text;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (signal.aborted) return;
      say(`no market list: ${reason(error)}`);
    }
    await sleep((known === "" ? RETRY_MS : LIST_EVERY_MS) * (0.9 + 0.2 * chance()), signal);
  }
}
