import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Wire } from "../sse/client.ts";

const RETRY_MS = { min: 1_000, max: 3_000 };

/**
 * Turns a response into a stream of events and gives the wire below it.
 *
 * The body has no length and no chunks: it ends with the connection. So the bytes of a tick are the same for every reader
 * and go to the socket as they are, without the response object's work for each chunk. The first bytes ask the browser to
 * wait a time of its own before it comes back, so that the readers of a replica that ends do not return in step.
 *
 * @param chance in [0, 1)
 */
export function openEventStream(
  response: ServerResponse<IncomingMessage>,
  headers: Readonly<Record<string, string>>,
  chance: number,
): Wire {
  const socket = response.socket as Socket;
  response.removeHeader("transfer-encoding");
  response.shouldKeepAlive = false;
  response.writeHead(200, {
    ...headers,
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // NGINX passes each event on at once
    "x-accel-buffering": "no",
    connection: "close",
  });
  const retryMs = Math.round(RETRY_MS.min + chance * (RETRY_MS.max - RETRY_MS.min));
  response.write(`retry: ${retryMs}\n\n`);
  socket.setTimeout(0);
  socket.setNoDelay(true);
  return socketWire(socket);
}

function socketWire(socket: Socket): Wire {
  // what goes wrong with a connection ends it; `close` follows
  socket.on("error", () => {});
  return {
    get unsentBytes() {
      return socket.writableLength;
    },
    write: (bytes, written) => {
      if (socket.destroyed || !socket.writable) written?.();
      else socket.write(bytes, written);
    },
    end: () => socket.end(),
    destroy: () => socket.destroy(),
    onDrain: (listener) => socket.on("drain", listener),
    onClose: (listener) => socket.once("close", listener),
  };
}
