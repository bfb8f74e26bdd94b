import { setTimeout as wait } from "node:timers/promises";
import type { Server } from "node:http";
import { listen } from "#adapters/ops_server.ts";
import type { Log } from "#adapters/log.ts";
import { sleep, type Worker } from "#core/lifecycle.ts";
import type { Hub } from "./sse/hub.ts";
import type { LiveEvent } from "./live_event.ts";

const SWEEP_MS = 1_000;
const LINK_EVERY_SWEEPS = 5;

/** Keeps the streams alive: heartbeats, slow readers' end, and the link's state said again every 5 s. */
export function sweeper(hub: Hub, link: () => LiveEvent): Worker {
  return {
    name: "sweeper",
    run: async (signal) => {
      for (let sweep = 1; !signal.aborted; sweep++) {
        await sleep(SWEEP_MS, signal);
        hub.sweep();
        if (sweep % LINK_EVERY_SWEEPS === 0) hub.publish(link());
      }
    },
  };
}

/** Streams end spread over this window after a stop signal, ms; what is left then is cut. */
const CLOSE_WINDOW_MS = 1_500;

/** The public port: from the start on, so that early browsers wait instead of failing; ends its streams when told to stop. */
export function publicPort(
  { server, hub, host, port, log }: {
    readonly server: Server;
    readonly hub: Hub;
    readonly host: string;
    readonly port: number;
    readonly log: Log;
  },
): Worker {
  return {
    name: "public port",
    run: async (signal) => {
      await listen(server, host, port);
      const address = server.address();
      log.info({
        event: "http_listening",
        host,
        port: typeof address === "object" && address !== null ? address.port : port,
      }, "public port open");
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      hub.close(CLOSE_WINDOW_MS);
      await Promise.race([closed, wait(CLOSE_WINDOW_MS + 500)]);
      server.closeAllConnections();
    },
  };
}
