import { createServer, type Server } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Gauge, type Registry } from "prom-client";
import { Failure } from "#core/failure.ts";
import type { Worker } from "#core/lifecycle.ts";
import type { Log } from "./log.ts";

export interface OpsOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** Why the service is not ready; empty when it is. */
  readonly ready: () => readonly string[];
  readonly log: Log;
}

/** A loop that did not turn for this long is no longer alive, whatever it answers afterwards. */
const STALL_MS_MAX = 5_000;

/**
 * The operator's port of a service:
 * - `/healthz`: the event loop turned lately. It can fail: after a stall of {@link STALL_MS_MAX} it answers 503 for one
 *   period, and while the loop stands it does not answer at all.
 * - `/readyz`: 200, or 503 with the reasons.
 * - `/metrics`: Prometheus text.
 */
export function opsServer(options: OpsOptions): Worker {
  return { name: "ops server", run: (signal) => runOpsServer(options, signal) };
}

async function runOpsServer(options: OpsOptions, signal: AbortSignal): Promise<void> {
  const loop = watchLoop(options.registry);
  const server = createServer(async (request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
    };
    switch (request.url) {
      case "/healthz": {
        const stallMs = loop.stallMsMax();
        return stallMs > STALL_MS_MAX
          ? answer(503, JSON_TYPE, JSON.stringify({ alive: false, stall_ms: stallMs }))
          : answer(200, JSON_TYPE, JSON.stringify({ alive: true, stall_ms: stallMs }));
      }
      case "/readyz": {
        const reasons = options.ready();
        return answer(
          reasons.length === 0 ? 200 : 503,
          JSON_TYPE,
          JSON.stringify({ ready: reasons.length === 0, reasons }),
        );
      }
      case "/metrics":
        return answer(200, options.registry.contentType, await options.registry.metrics());
      default:
        return answer(
          404,
          JSON_TYPE,
          JSON.stringify({
            error: { name: "not_found", message: "use /healthz, /readyz or /metrics" },
          }),
        );
    }
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  await listen(server, options.host, options.port);
  options.log.info(
    { event: "ops_listening", host: options.host, port: options.port },
    "ops port open",
  );
  await new Promise<void>((resolve) => {
    const close = (): void => {
      loop.stop();
      server.close(() => resolve());
      server.closeAllConnections();
    };
    if (signal.aborted) close();
    else signal.addEventListener("abort", close, { once: true });
  });
}

const JSON_TYPE = "application/json; charset=utf-8";

/** @throws Failure `port_taken` or `listen_failed` */
export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE"
          ? new Failure(
            "port_taken",
            `port ${port} of ${host} is in use; choose another one`,
            error,
          )
          : new Failure("listen_failed", `cannot listen on ${host}:${port}`, error),
      );
    });
    server.listen(port, host, resolve);
  });
}

const LOOP_PERIOD_MS = 10_000;

/** Measures how long the event loop stands still, and shows it as a metric. */
export function watchLoop(registry: Registry): { stallMsMax(): number; stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  let previousMs = 0;
  const maxMs = (): number =>
    Math.max(previousMs, Number.isFinite(delay.max) ? delay.max / 1e6 : 0);
  new Gauge({
    name: "stofka_event_loop_delay_seconds_max",
    help: "Longest time the event loop did not turn within the last 10 to 20 s.",
    registers: [registry],
    collect() {
      this.set(maxMs() / 1_000);
    },
  });
  const timer = setInterval(() => {
    previousMs = delay.max / 1e6;
    delay.reset();
  }, LOOP_PERIOD_MS);
  return {
    stallMsMax: maxMs,
    stop: () => {
      clearInterval(timer);
      delay.disable();
    },
  };
}
