import type { Buffer } from "node:buffer";
import { sleep } from "#core/lifecycle.ts";
import type { BreakCause } from "#core/mark.ts";
import type { Clock } from "./clock.ts";
import type { ExchangeSocket, OpenSocket, SocketEnd } from "./exchange_socket.ts";
import { RateLimit } from "./rate_limit.ts";
import { CONNECT_LIMIT, ended, FRESH, retryInMs } from "./reconnect.ts";

/**
 * What comes from the exchange: frames, and what happens to the link, the same way and in order, so that everything
 * behind knows what is missing. Times are ms on ingest's clock.
 */
export type LinkEvent =
  | { readonly kind: "up"; readonly atMs: number; readonly connection: Connection }
  | { readonly kind: "frame"; readonly atMs: number; readonly bytes: Buffer }
  /** A pong: all the exchange sent before it has arrived, since one connection keeps its order. */
  | { readonly kind: "pong"; readonly atMs: number }
  | {
    readonly kind: "down";
    readonly atMs: number;
    readonly cause: BreakCause;
    /** Whether it had been up; false for an attempt that failed. */
    readonly wasUp: boolean;
    readonly detail: string;
  };

export interface Connection {
  sendText(text: string): void;
  /** Ends the connection for a reason of ours; `down` with that cause follows at once. */
  end(cause: BreakCause, detail: string): void;
}

export interface LinkOptions {
  readonly url: string;
  readonly open: OpenSocket;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly chance: () => number;
  readonly limits?: Partial<LinkLimits>;
}

export interface LinkLimits {
  /** From dialing to the upgrade. */
  readonly handshakeMsMax: number;
  readonly pingEveryMs: number;
  /** Neither frame nor pong for so long is the end. The exchange itself drops an idle socket after 60 s. */
  readonly silenceMsMax: number;
}

export const LINK_LIMITS: LinkLimits = {
  handshakeMsMax: 5_000,
  pingEveryMs: 5_000,
  silenceMsMax: 20_000,
};

/**
 * Keeps a connection to the exchange until the signal aborts. Every end leads to a new attempt, close code 1000 too: the
 * exchange closes with it after an error frame, at maintenance, and when it likes.
 */
export async function runLink(
  options: LinkOptions,
  handle: (event: LinkEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const connects = new RateLimit(CONNECT_LIMIT);
  let retry = FRESH;
  while (!signal.aborted) {
    await sleep(retryInMs(retry, options.chance()), signal);
    for (let ms; (ms = connects.waitMs(options.clock.steadyMs())) > 0;) {
      await sleep(Math.ceil(ms), signal);
      if (signal.aborted) return;
    }
    if (signal.aborted) return;
    connects.take(options.clock.steadyMs());
    retry = ended(retry, await runConnection(options, handle, signal));
  }
}

function runConnection(
  { url, open, clock, limits }: LinkOptions,
  handle: (event: LinkEvent) => void,
  signal: AbortSignal,
): Promise<{ refused: boolean; upMs: number }> {
  const { handshakeMsMax, pingEveryMs, silenceMsMax } = { ...LINK_LIMITS, ...limits };
  return new Promise((resolve) => {
    let upAtMs: number | null = null;
    let proofAtMs = clock.steadyMs();
    let over = false;
    let keepAlive: NodeJS.Timeout | undefined;

    const end = (cause: BreakCause, detail: string, refused = cause === "rejected"): void => {
      if (over) return;
      over = true;
      clearTimeout(handshake);
      clearInterval(keepAlive);
      signal.removeEventListener("abort", stop);
      socket.terminate();
      const wasUp = upAtMs !== null;
      handle({ kind: "down", atMs: clock.nowMs(), cause, wasUp, detail });
      resolve({ refused, upMs: upAtMs === null ? 0 : clock.steadyMs() - upAtMs });
    };
    const stop = (): void => end("stopped", "asked to stop");

    const handshake = setTimeout(
      () => end("error", `no handshake within ${handshakeMsMax} ms`),
      handshakeMsMax,
    );
    signal.addEventListener("abort", stop, { once: true });
    const socket: ExchangeSocket = open(url, {
      onOpen: () => {
        if (over) return;
        clearTimeout(handshake);
        upAtMs = proofAtMs = clock.steadyMs();
        keepAlive = setInterval(() => {
          const silentMs = clock.steadyMs() - proofAtMs;
          if (silentMs < silenceMsMax) socket.ping();
          else end("silent", `neither frame nor pong for ${Math.round(silentMs)} ms`);
        }, pingEveryMs);
        const connection: Connection = {
          sendText: (text) => {
            if (!over) socket.sendText(text);
          },
          end,
        };
        handle({ kind: "up", atMs: clock.nowMs(), connection });
      },
      onFrame: (bytes) => {
        if (over) return;
        proofAtMs = clock.steadyMs();
        handle({ kind: "frame", atMs: clock.nowMs(), bytes });
      },
      onPong: () => {
        if (over) return;
        proofAtMs = clock.steadyMs();
        handle({ kind: "pong", atMs: clock.nowMs() });
      },
      onEnd: (socketEnd) => end(...causeOf(socketEnd, upAtMs !== null)),
    });
  });
}

function causeOf(
  { code, detail, httpStatus }: SocketEnd,
  wasUp: boolean,
): [cause: BreakCause, detail: string, refused: boolean] {
  const refused = httpStatus !== null && httpStatus >= 400 && httpStatus < 500;
  const text = detail === "" ? `close code ${code}` : `close code ${code}: ${detail}`;
  return [wasUp ? "closed" : "error", text, refused];
}
