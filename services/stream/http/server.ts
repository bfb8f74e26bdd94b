import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Log } from "#adapters/log.ts";
import { Failure, reason } from "#core/failure.ts";
import { type Answer, errorAnswer, failureAnswer } from "./answer.ts";
import { assertHost } from "./allowed_hosts.ts";
import { SECURITY_HEADERS } from "./headers.ts";
import { assertParameters, type Target, target } from "./query.ts";
import { assertNoBody, assertSameOrigin } from "./same_origin.ts";

/** One request, as a route sees it. */
export interface Request extends Target {
  readonly method: string;
  header(name: string): string | undefined;
  /** Who asks: the peer, or what a trusted proxy says. */
  readonly address: string;
}

export interface Route {
  /** Parameters it reads; any other is refused. */
  readonly parameters: readonly string[];
  /** GET and HEAD where it is not said. A POST comes of our own pages and carries its parameters in the address. */
  readonly method?: "POST";
  /** Probes come by address, not by name. */
  readonly anyHost?: boolean;
  readonly answer?: (request: Request) => Answer | Promise<Answer>;
  /** Takes the response over, or answers instead. */
  readonly stream?: (
    request: Request,
    response: ServerResponse<IncomingMessage>,
  ) => Answer | null;
}

export interface HttpOptions {
  readonly routes: Readonly<Record<string, Route>>;
  /** Whatever no route has. */
  readonly files: ((request: Request) => Answer) | null;
  readonly allowedHosts: ReadonlySet<string>;
  /** Whether `X-Forwarded-For` is a proxy's of ours. */
  readonly proxyTrusted: boolean;
  readonly connectionsMax: number;
  readonly measure: (route: string, status: number, seconds: number) => void;
  readonly log: Log;
  readonly timeouts?: HttpTimeouts;
}

/** Times after which a connection is closed, ms. */
export interface HttpTimeouts {
  /** For the whole head of a request to arrive, and for the whole request. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** Without a byte in either direction; a stream of events is exempt. */
  readonly idleMs: number;
  /** How often the above is looked at. */
  readonly checkMs: number;
}

const TIMEOUTS: HttpTimeouts = {
  headersMs: 10_000,
  requestMs: 15_000,
  idleMs: 60_000,
  checkMs: 2_000,
};
const HEADER_BYTES_MAX = 16 * 1024;

/** The public port. Every request gets an answer, an error among them as `{"error":{"name","message"}}`. */
export function httpServer(options: HttpOptions): Server {
  const timeouts = options.timeouts ?? TIMEOUTS;
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.idleMs,
    connectionsCheckingInterval: timeouts.checkMs,
  }, (request, response) => {
    const startedMs = performance.now();
    void handle(options, request, response).then(({ route, status }) => {
      options.measure(route, status, (performance.now() - startedMs) / 1_000);
    });
  });
  server.maxConnections = options.connectionsMax;
  // one that sends or takes nothing; a stream of events sets its own
  server.setTimeout(timeouts.idleMs);
  return server;
}

async function handle(
  options: HttpOptions,
  incoming: IncomingMessage,
  response: ServerResponse<IncomingMessage>,
): Promise<{ route: string; status: number }> {
  let route = "other";
  let answer: Answer | null;
  try {
    const request = readRequest(options, incoming);
    const found = Object.hasOwn(options.routes, request.path)
      ? options.routes[request.path]!
      : null;
    if (found !== null) route = request.path;
    else if (!isApi(request.path)) route = "file";
    if (found?.anyHost !== true) assertHost(incoming.headers.host, options.allowedHosts);
    answer = await dispatch(options, found, request, incoming, response);
  } catch (error) {
    // a bug met by one request is told and logged, and does not end the streams of all others
    answer = error instanceof Failure ? failureAnswer(error) : bug(options.log, incoming, error);
  }
  if (answer === null) return { route, status: 200 };
  if (!response.headersSent && !response.destroyed) {
    const { status, headers, body } = answer;
    response.writeHead(status, {
      ...SECURITY_HEADERS,
      ...headers,
      "content-length": String(body.length),
    });
    response.end(incoming.method === "HEAD" || status === 304 ? undefined : body);
  }
  return { route, status: answer.status };
}

function dispatch(
  options: HttpOptions,
  route: Route | null,
  request: Request,
  incoming: IncomingMessage,
  response: ServerResponse<IncomingMessage>,
): Answer | null | Promise<Answer> {
  const allowed = route?.method === undefined ? ["GET", "HEAD"] : [route.method];
  if (!allowed.includes(request.method)) {
    return errorAnswer(
      405,
      "method_not_allowed",
      `${incoming.method} is not answered; use ${allowed[0]}`,
      { allow: allowed.join(", "), connection: "close" },
    );
  }
  if (route?.method === "POST") {
    assertSameOrigin(request);
    assertNoBody(request);
  }
  if (route !== null) {
    assertParameters(request.query, route.parameters);
    if (route.stream !== undefined) return route.stream(request, response);
    return route.answer!(request);
  }
  if (isApi(request.path)) {
    const known = Object.keys(options.routes).join(", ");
    return errorAnswer(404, "not_found", `there is no such address; use ${known}`);
  }
  if (options.files !== null) return options.files(request);
  return errorAnswer(404, "not_found", "this server has no page; set WEB_ROOT to the built page");
}

function isApi(path: string): boolean {
  return /^\/(?:api|v1)(?:\/|$)/.test(path);
}

function readRequest(options: HttpOptions, incoming: IncomingMessage): Request {
  const header = (name: string): string | undefined => {
    const value = incoming.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const forwarded = options.proxyTrusted
    ? header("x-forwarded-for")?.split(",").at(-1)?.trim()
    : "";
  const address = forwarded || (incoming.socket.remoteAddress ?? "");
  const method = incoming.method ?? "GET";
  return { ...target(incoming.url ?? "/"), method, header, address };
}

function bug(log: Log, incoming: IncomingMessage, error: unknown): Answer {
  log.error({ event: "request_failed", method: incoming.method, error }, reason(error));
  return errorAnswer(
    500,
    "internal",
    "the server failed at this request; its log says why",
  );
}
