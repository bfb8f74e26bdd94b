import { Buffer } from "node:buffer";
import { WebSocket } from "ws";

/** A WebSocket as the link needs it. */
export interface ExchangeSocket {
  sendText(text: string): void;
  ping(): void;
  /** Ends it at once, without waiting for the other side. `onEnd` follows unless it was called already. */
  terminate(): void;
}

export interface SocketEvents {
  onOpen(): void;
  /** Text or binary alike: the exchange sends UTF-8 JSON as binary frames. */
  onFrame(bytes: Buffer): void;
  onPong(): void;
  /** Exactly once, and the last event. `httpStatus` is set when the upgrade was answered by an HTTP response. */
  onEnd(end: SocketEnd): void;
}

export interface SocketEnd {
  /** WebSocket close code; 1006 when there was no close frame. */
  readonly code: number;
  readonly detail: string;
  readonly httpStatus: number | null;
}

export type OpenSocket = (url: string, events: SocketEvents) => ExchangeSocket;

/**
 * Longest frame accepted. The longest real one, a list of all subscriptions, is 20 kB; a larger limit would let one frame
 * exceed what Kafka takes as a record.
 */
const FRAME_BYTES_MAX = 256 * 1024;

/** Opens a socket by the `ws` package, which behaves alike on Deno and Node (pings, close codes, refused upgrades). */
export const openExchangeSocket: OpenSocket = (url, events) => {
  const socket = new WebSocket(url, {
    maxPayload: FRAME_BYTES_MAX,
    // inflating 700 kB/s costs more than the bytes it saves on the way
    perMessageDeflate: false,
    followRedirects: false,
  });
  let detail = "";
  let httpStatus: number | null = null;
  socket.on("open", () => events.onOpen());
  socket.on("message", (data) => events.onFrame(bytesOf(data)));
  socket.on("pong", () => events.onPong());
  socket.on("unexpected-response", (_request, response) => {
    httpStatus = response.statusCode ?? 0;
    detail = `HTTP status ${httpStatus} instead of an upgrade`;
    socket.terminate();
  });
  // an error is always followed by `close`, which ends the socket
  socket.on("error", (error) => detail ||= error.message);
  socket.on("close", (code, reason) => {
    events.onEnd({ code, detail: detail || reason.toString(), httpStatus });
  });
  return {
    sendText: (text) => socket.send(text),
    ping: () => socket.ping(),
    terminate: () => socket.terminate(),
  };
};

function bytesOf(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
