import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "./clock.ts";
import type { Faults } from "./faults.ts";
import {
  type Allowance,
  connectAllowance,
  originAllowance,
  type RateLimits,
  restAllowance,
  type Verdict,
} from "./rate_limits.ts";
import { type Answer, failed, type Rest } from "./rest.ts";
import type { Socket } from "./socket.ts";

const recheckMs = 50;

/** The port of WebSocket and REST: what a client meets before anything is answered. Limits, headers, and a door that can be shut. */
export class Front {
  readonly #rest: Rest;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #faults: Faults;
  /** Null: whoever asks is answered. */
  readonly #limits: RateLimits | null;
  readonly #server: Server;
  /** Upgrades that are never answered. */
  readonly #stranded = new Set<Duplex>();
  #port = 0;
  #reopening: ReturnType<typeof setTimeout> | undefined;

  constructor(rest: Rest, socket: Socket, clock: Clock, faults: Faults, limits: RateLimits | null) {
    this.#rest = rest;
    this.#socket = socket;
    this.#clock = clock;
    this.#faults = faults;
    this.#limits = limits;
    this.#server = createServer((request, response) => this.#request(request, response));
    this.#server.on("upgrade", (request, stream, head) => this.#upgrade(request, stream, head));
    faults.hook("refuse", () => this.#shut(), () => this.#reopen());
  }

  /** @returns the port */
  async open(port: number): Promise<number> {
    await listen(this.#server, port);
    return this.#port = (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    clearTimeout(this.#reopening);
    for (const stream of this.#stranded) stream.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Nobody listens any more: the system refuses connections. Open ones stay. */
  #shut(): void {
    clearTimeout(this.#reopening);
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  /** The same port again; somebody may have taken it for a moment. */
  #reopen(): void {
    listen(this.#server, this.#port).catch(() => {
      this.#reopening = setTimeout(() => this.#reopen(), recheckMs);
    });
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    if (this.#faults.get("half_open")) return;
    const url = urlOf(request);
    if (url === undefined) return void response.writeHead(400).end();
    if (this.#faults.get("maintenance")) return this.#respond(response, underMaintenance);
    const group = this.#rest.group(url);
    if (group === undefined) return this.#respond(response, this.#rest.answer(url));
    const verdict = this.#take(request, group, restAllowance);
    if (verdict.kind !== "taken") return this.#respond(response, refusal(verdict), group, 0);
    const { left } = verdict;
    inSlices(this.#rest.steps(url), (answer) => this.#respond(response, answer, group, left));
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    // A client may be gone before it is answered.
    stream.on("error", () => stream.destroy());
    if (this.#faults.get("half_open")) return this.#strand(stream);
    if (urlOf(request)?.pathname !== "/websocket/v1") return refuseUpgrade(stream, notFound);
    if (this.#faults.get("maintenance")) return refuseUpgrade(stream, underMaintenance);
    const verdict = this.#take(request, "websocket", connectAllowance);
    if (verdict.kind !== "taken") return refuseUpgrade(stream, refusal(verdict));
    this.#socket.upgrade(request, stream, head, verdict.left);
  }

  #strand(stream: Duplex): void {
    this.#stranded.add(stream);
    stream.on("close", () => this.#stranded.delete(stream));
    stream.resume();
  }

  #take(request: IncomingMessage, group: string, allowance: Allowance): Verdict {
    if (this.#limits === null) return { kind: "taken", left: allowance.count - 1 };
    const address = request.socket.remoteAddress ?? "";
    if (request.headers.origin !== undefined) {
      const verdict = this.#limits.take(address, "origin", originAllowance);
      if (verdict.kind !== "taken") return verdict;
    }
    return this.#limits.take(address, group, allowance);
  }

  /** Headers as recorded. The body goes out in chunks, as the exchange's gateway sends it. */
  #respond(response: ServerResponse, answer: Answer, group?: string, left?: number): void {
    const headers: Record<string, string> = {
      "Content-Type": "application/json;charset=UTF-8",
      "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
      Pragma: "no-cache",
      Expires: "0",
      Date: new Date(this.#clock.nowMs()).toUTCString(),
      Vary: "origin,access-control-request-method,access-control-request-headers,accept-encoding",
    };
    if (group !== undefined) {
      headers["Remaining-Req"] = `group=${group}; min=600; sec=${left}`;
      headers["Limit-By-Ip"] = "Yes";
    }
    if (answer.status === 200) {
      headers["ETag"] = `W/"0${createHash("md5").update(answer.body).digest("hex")}"`;
    }
    response.writeHead(answer.status, headers);
    response.write(answer.body);
    response.end();
  }
}

const sliceMs = 5;

/** Does the work a slice at a time, so that frames, pings and other requests are not held up by one long answer. */
function inSlices<T>(steps: Generator<void, T>, done: (value: T) => void): void {
  const untilMs = performance.now() + sliceMs;
  do {
    const step = steps.next();
    if (step.done) return done(step.value);
  } while (performance.now() < untilMs);
  setImmediate(() => inSlices(steps, done));
}

/** The address of a request; undefined for one that is none. */
export function urlOf(request: IncomingMessage): URL | undefined {
  return URL.parse(request.url ?? "/", "http://127.0.0.1") ?? undefined;
}

/** Names and texts are inferred; that the message of a block says for how long is documented. */
function refusal(verdict: Verdict & { readonly kind: "many" | "blocked" }): Answer {
  if (verdict.kind === "many") return failed(429, "too_many_requests", "Too many API requests.");
  const seconds = Math.ceil(verdict.blockedMs / 1000);
  return failed(418, "blocked", `Too many API requests. Blocked for ${seconds} seconds.`);
}

const underMaintenance = failed(503, 503, "Service Unavailable");
const notFound = failed(404, "not_found", "no Route matched with those values");

const reasons: Readonly<Record<number, string>> = {
  404: "Not Found",
  418: "I'm a teapot",
  429: "Too Many Requests",
  503: "Service Unavailable",
};

function refuseUpgrade(stream: Duplex, { status, body }: Answer): void {
  const limited = status === 429 ? "remaining-req: group=websocket; min=300; sec=0\r\n" : "";
  stream.end(
    `HTTP/1.1 ${status} ${reasons[status]}\r\nContent-Type: application/json;charset=UTF-8\r\n` +
      `${limited}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

export function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}
