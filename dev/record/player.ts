import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { Failure } from "#core/failure.ts";
import { sleep } from "#core/lifecycle.ts";
import { isMarket } from "#core/market.ts";
import type { Entry } from "./entry.ts";
import { type Damage, readRecording } from "./recording_reader.ts";

export interface PlayerSettings {
  /** In the order they were written. */
  readonly files: readonly string[];
  /** Recorded seconds per second. */
  readonly speed: number;
  /** 0: any free one. */
  readonly port: number;
  readonly controlPort: number;
  readonly onDamage?: (damage: Damage) => void;
}

export interface PlayerStatus {
  readonly kind: "recording";
  /** Frames sent to the listener; of markets or types it did not ask for they are passed over. */
  readonly sent: number;
  readonly passed: number;
  /** Whether the recording has come to its end. */
  readonly done: boolean;
  /** Receive time of the newest entry played, ms; null before the first. */
  readonly at_ms: number | null;
}

/** A recording that is played. */
export interface Player {
  readonly ws: string;
  readonly rest: string;
  readonly control: string;
  status(): PlayerStatus;
  close(): Promise<void>;
}

/**
 * However high the speed, no more frames a second than this: a listener that has to drop what it cannot pass on would make
 * another table of the same recording. An ingest takes five times as many.
 */
const FRAMES_PER_SECOND_MAX = 4_000;
/** Unsent bytes at which playing waits for the listener. */
const UNSENT_BYTES_MAX = 1024 * 1024;
const WAIT_MS = 20;

/**
 * An exchange on loopback that sends a recording's frames, byte for byte and in their order, to the client that subscribes to
 * them. It begins with the first subscription and waits while nobody is subscribed. REST knows the recorded market list alone:
 * what was not recorded is not answered with an invention.
 */
export async function startPlayer(settings: PlayerSettings): Promise<Player> {
  const playing = new Playing(settings);
  const front = createServer((request, response) => playing.answer(request, response));
  const sockets = new WebSocketServer({ server: front, path: "/websocket/v1" });
  sockets.on("connection", (client) => playing.listener(client));
  const back = createServer((request, response) => {
    const known = request.url === "/status";
    json(response, known ? 200 : 404, known ? playing.status() : { error: "only /status" });
  });
  await playing.look();
  const [port, controlPort] = [
    await listen(front, settings.port),
    await listen(back, settings.controlPort),
  ];
  const stop = new AbortController();
  const running = playing.run(stop.signal);
  return {
    ws: `ws://127.0.0.1:${port}/websocket/v1`,
    rest: `http://127.0.0.1:${port}/v1`,
    control: `http://127.0.0.1:${controlPort}`,
    status: () => playing.status(),
    close: async () => {
      stop.abort();
      await running;
      for (const client of sockets.clients) client.terminate();
      sockets.close();
      await Promise.all([closed(front), closed(back)]);
    },
  };
}

class Playing {
  readonly #settings: PlayerSettings;
  #markets: Buffer = Buffer.from("[]");
  #listener: Listener | null = null;
  #sent = 0;
  #passed = 0;
  #done = false;
  #atMs: number | null = null;

  constructor(settings: PlayerSettings) {
    this.#settings = settings;
  }

  status(): PlayerStatus {
    return {
      kind: "recording",
      sent: this.#sent,
      passed: this.#passed,
      done: this.#done,
      at_ms: this.#atMs,
    };
  }

  /** The market list a client asks for before it subscribes: the first recorded, else the markets of the first frames. */
  async look(): Promise<void> {
    const codes = new Set<string>();
    let frames = 0;
    for await (const entry of this.#entries(() => {})) {
      if (entry.kind === "markets") {
        this.#markets = entry.payload;
        return;
      }
      if (entry.kind !== "frame") continue;
      const { market } = headOf(entry.payload);
      if (market !== null) codes.add(market);
      if (++frames >= LOOK_FRAMES_MAX) break;
    }
    if (codes.size === 0) {
      throw new Failure(
        "recording_empty",
        `${this.#settings.files.join(", ")} holds no frame of a market`,
      );
    }
    const list = [...codes].sort().map((market) => ({
      market,
      korean_name: market.split("-")[1],
      english_name: market.split("-")[1],
    }));
    this.#markets = Buffer.from(JSON.stringify(list));
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? "/", "http://127.0.0.1").pathname;
    if (path !== "/v1/market/all") {
      return json(response, 404, {
        error: { name: 404, message: "a recording holds frames and the market list alone" },
      });
    }
    response.writeHead(200, { "content-type": "application/json;charset=UTF-8" });
    response.end(this.#markets);
  }

  listener(client: WebSocket): void {
    client.on("error", () => client.terminate());
    client.on("close", () => {
      if (this.#listener?.client === client) this.#listener = null;
    });
    client.on("message", (data) => {
      const text = String(data);
      if (text === "PING") return client.send('{"status":"UP"}');
      const parts = partsOf(text);
      const ticket = parts.find((part) => "ticket" in part)?.["ticket"] ?? "";
      const wishes = parts.filter(isWish);
      if (parts.some((part) => part["method"] === "LIST_SUBSCRIPTIONS")) {
        const result = this.#accepted();
        return client.send(
          Buffer.from(JSON.stringify({ method: "LIST_SUBSCRIPTIONS", result, ticket })),
        );
      }
      if (wishes.length === 0) return;
      const keys = new Set(
        wishes.flatMap(({ type, codes }) => codes.map((code) => `${type} ${code}`)),
      );
      this.#listener = { client, keys, wishes };
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { speed, onDamage = () => {} } = this.#settings;
    /** Since when, by our clock and the recorder's, the pace is counted. */
    let from: { readonly realMs: number; readonly recordedMs: number } | null = null;
    let sinceMs = 0;
    let inSecond = 0;
    for await (const entry of this.#entries(onDamage)) {
      while (!signal.aborted && this.#listener === null) {
        await sleep(WAIT_MS, signal);
        from = null; // the pace stands while nobody listens
      }
      if (signal.aborted) return;
      from ??= { realMs: performance.now(), recordedMs: entry.atMs };
      const dueMs = from.realMs + (entry.atMs - from.recordedMs) / speed;
      if (dueMs - performance.now() > 1) await sleep(dueMs - performance.now(), signal);
      this.#atMs = entry.atMs;
      if (entry.kind === "markets") this.#markets = entry.payload;
      if (entry.kind !== "frame") continue;
      await this.#room(signal);
      if (!this.#send(entry.payload)) continue;
      if (performance.now() - sinceMs >= 1_000) [sinceMs, inSecond] = [performance.now(), 0];
      if (++inSecond >= FRAMES_PER_SECOND_MAX) {
        await sleep(sinceMs + 1_000 - performance.now(), signal);
      }
    }
    await this.#drained(signal);
    this.#done = !signal.aborted;
  }

  async *#entries(onDamage: (damage: Damage) => void): AsyncGenerator<Entry> {
    for (const file of this.#settings.files) yield* readRecording(file, onDamage);
  }

  #send(bytes: Buffer): boolean {
    const { type, market } = headOf(bytes);
    const listener = this.#listener;
    // what cannot be read, or is of a type the recorder never asked for, was on its socket all the same
    const known = type === "candle.1s" || type === "ticker";
    if (
      type === null && /^\s*\{\s*"(?:method|status|error)"/.test(bytes.toString("latin1", 0, 40))
    ) {
      this.#passed++;
      return false; // an answer to the recorder itself
    }
    if (
      listener === null || (market !== null && !(known && listener.keys.has(`${type} ${market}`)))
    ) {
      this.#passed++;
      return false;
    }
    listener.client.send(bytes, { binary: true });
    this.#sent++;
    return true;
  }

  async #room(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (this.#listener?.client.bufferedAmount ?? 0) > UNSENT_BYTES_MAX) {
      await sleep(WAIT_MS, signal);
    }
  }

  async #drained(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (this.#listener?.client.bufferedAmount ?? 0) > 0) {
      await sleep(WAIT_MS, signal);
    }
  }

  #accepted(): readonly Wish[] {
    const listed = this.#markets.toString();
    return (this.#listener?.wishes ?? []).map(({ type, codes }) => ({
      type,
      codes: codes.filter((code) => listed.includes(`"${code}"`)),
    }));
  }
}

interface Listener {
  readonly client: WebSocket;
  /** `type market` */
  readonly keys: ReadonlySet<string>;
  readonly wishes: readonly Wish[];
}

interface Wish {
  readonly type: string;
  readonly codes: readonly string[];
}

const LOOK_FRAMES_MAX = 20_000;

/** Type and market of an element, from its beginning, where both stand in every format; null where it does not say. */
function headOf(bytes: Buffer): { readonly type: string | null; readonly market: string | null } {
  const text = bytes.toString("latin1", 0, 128);
  const type = /"(?:type|ty)"\s*:\s*"([^"\\]+)"/.exec(text)?.[1] ?? null;
  const code = /"(?:code|cd)"\s*:\s*"([^"\\]+)"/.exec(text)?.[1];
  return { type, market: isMarket(code) ? code : null };
}

function partsOf(text: string): readonly Record<string, unknown>[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return []; // a client's nonsense gets no answer
  }
}

function isWish(part: Readonly<Record<string, unknown>>): part is Wish & Record<string, unknown> {
  const { type, codes } = part;
  return typeof type === "string" && Array.isArray(codes) &&
    codes.every((code) => typeof code === "string");
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json;charset=UTF-8" });
  response.end(JSON.stringify(value));
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
