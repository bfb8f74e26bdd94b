import { request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLog } from "#adapters/log.ts";
import { Failure } from "#core/failure.ts";
import { candleRequest } from "../history/candle_request.ts";
import { subscription } from "../sse/subscription.ts";
import { jsonAnswer } from "./answer.ts";
import { httpServer } from "./server.ts";

const measured: string[] = [];
let server: Server;
let port: number;

beforeAll(async () => {
  server = httpServer({
    routes: {
      "/api/candles": {
        parameters: ["market", "interval", "to", "count"],
        answer: ({ query }) => jsonAnswer(200, JSON.stringify(candleRequest(query))),
      },
      "/api/stream": {
        parameters: ["markets", "events"],
        answer: ({ query }) =>
          jsonAnswer(200, subscription(query.get("markets"), query.get("events")).key),
      },
      "/api/change": {
        method: "POST",
        parameters: ["what"],
        answer: ({ query }) => jsonAnswer(202, JSON.stringify(query.get("what"))),
      },
      "/api/slow": {
        parameters: [],
        answer: () => {
          throw new Failure("history_timeout", "it took too long");
        },
      },
      "/api/broken": {
        parameters: [],
        answer: () => {
          throw new TypeError("a bug");
        },
      },
      "/healthz": { parameters: [], anyHost: true, answer: () => jsonAnswer(200, "{}") },
      "/api/address": {
        parameters: [],
        answer: ({ address }) => jsonAnswer(200, JSON.stringify(address)),
      },
    },
    files: null,
    allowedHosts: new Set(["localhost", "127.0.0.1"]),
    proxyTrusted: false,
    connectionsMax: 100,
    measure: (route, status) => measured.push(`${route} ${status}`),
    log: createLog("test", "error"),
    // longer than a busy machine keeps a whole head on its way
    timeouts: { headersMs: 4_000, requestMs: 5_000, idleMs: 6_000, checkMs: 50 },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function ask(path: string, method = "GET", headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (body += part));
      response.on("end", () => {
        resolve({ status: response.statusCode!, headers: response.headers, body });
      });
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** Everything the server answers to raw bytes until it closes, or the time is over. */
function raw(bytes: string | Uint8Array, ms: number): Promise<{ text: string; closed: boolean }> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const end = (closed: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed });
    };
    const timer = setTimeout(() => end(false), ms);
    socket.on("data", (part) => (text += part.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => end(true));
  });
}

const errorOf = ({ body }: Reply) => JSON.parse(body).error as { name: string; message: string };

describe("the public port", () => {
  test("every answer says how it may be used", async () => {
    const { headers } = await ask("/api/candles?market=KRW-BTC");
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    });
    const policy = headers["content-security-policy"] as string;
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
  });

  test("what changes something takes a POST of our own pages, and no body", async () => {
    const change = (headers: Record<string, string> = {}, method = "POST") =>
      ask("/api/change?what=1", method, headers);
    const own = { origin: `http://127.0.0.1:${port}`, "sec-fetch-site": "same-origin" };
    expect((await change()).status).toBe(202);
    expect(await change(own)).toMatchObject({ status: 202, body: `"1"` });
    const foreign = await change({ origin: "http://evil.example", "sec-fetch-site": "cross-site" });
    expect(foreign.status).toBe(403);
    expect(errorOf(foreign).name).toBe("origin_not_allowed");
    expect((await change({ ...own, "content-length": "0" })).status).toBe(202);
    expect((await change({ ...own, "transfer-encoding": "chunked" })).status).toBe(400);
    expect(await change({}, "GET")).toMatchObject({ status: 405, headers: { allow: "POST" } });
    expect((await ask("/api/change?when=1", "POST")).status).toBe(400);
  });

  test("HEAD has the head of GET and no body", async () => {
    const [head, get] = [
      await ask("/api/candles?market=KRW-BTC", "HEAD"),
      await ask("/api/candles?market=KRW-BTC"),
    ];
    expect([head.status, head.body]).toEqual([200, ""]);
    expect(head.headers["content-length"]).toBe(get.headers["content-length"]);
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("%s is not answered", async (method) => {
    const reply = await ask("/api/candles", method);
    expect(reply.status).toBe(405);
    expect(reply.headers["allow"]).toBe("GET, HEAD");
    expect(errorOf(reply).name).toBe("method_not_allowed");
  });

  test.each([
    ["/api/nothing", 404, "not_found"],
    ["/v1/candles/days", 404, "not_found"],
    ["/api", 404, "not_found"],
    ["/", 404, "not_found"],
    ["/api/candles", 400, "market_missing"],
    ["/api/candles?market=KRW-BTC&counts=2", 400, "parameter_unknown"],
    ["/api/candles?market=KRW-BTC&market=KRW-ETH", 400, "parameter_repeated"],
    [`/api/stream?markets=${"KRW-BTC,".repeat(1_100)}`, 414, "url_too_long"],
    ["/api/slow", 504, "history_timeout"],
    ["/api/broken", 500, "internal"],
    ["/__proto__", 404, "not_found"],
  ])("%s is %i %s", async (path, status, name) => {
    const reply = await ask(path);
    expect(reply.status).toBe(status);
    expect(errorOf(reply).name).toBe(name);
    expect(errorOf(reply).message.length).toBeGreaterThan(10);
  });

  test("a name that is not ours is refused, except to a probe", async () => {
    const foreign = { host: "evil.example:80" };
    expect(errorOf(await ask("/api/candles?market=KRW-BTC", "GET", foreign)).name)
      .toBe("host_not_allowed");
    expect((await ask("/healthz", "GET", foreign)).status).toBe(200);
    expect((await ask("/api/candles?market=KRW-BTC", "GET", { host: "LOCALHOST:1" })).status)
      .toBe(200);
  });

  test("a client cannot choose its address", async () => {
    const reply = await ask("/api/address", "GET", { "x-forwarded-for": "1.2.3.4" });
    expect(JSON.parse(reply.body)).toBe("127.0.0.1");
  });

  test("routes are measured by name, never by what a client wrote", async () => {
    measured.length = 0;
    await ask("/api/candles?market=KRW-BTC");
    await ask("/some/path/of/a/client");
    await ask("/api/whatever");
    expect(measured).toEqual(["/api/candles 200", "file 404", "other 404"]);
  });

  test("a head that never ends is cut", async () => {
    const { text, closed } = await raw(
      "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: 1",
      20_000,
    );
    expect(closed).toBe(true);
    expect(text).toMatch(/^(?:HTTP\/1\.1 408|$)/);
  });

  test("a head that is too large is refused", async () => {
    const head = `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: ${"a".repeat(20_000)}\r\n\r\n`;
    const { text, closed } = await raw(head, 20_000);
    expect(closed).toBe(true);
    expect(text).toMatch(/^HTTP\/1\.1 431/);
  });

  test("whatever bytes come, the server answers the next one", async () => {
    const line = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "GET / HTTP/1.1",
        "GET http://evil/ HTTP/1.1",
        "GET * HTTP/1.1",
        "POST /api/candles HTTP/1.1",
        "Host: localhost",
        "Host: ",
        "Content-Length: 5",
        "Content-Length: -1",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "Upgrade: websocket",
        "Connection: upgrade",
        "",
        "5\r\nabcde\r\n0\r\n",
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(line, { maxLength: 8 }), { minLength: 50, maxLength: 50 }),
        async (heads) => {
          const replies = await Promise.all(
            heads.map((lines) => raw(`${lines.join("\r\n")}\r\n\r\n`, 50)),
          );
          for (const { text } of replies) {
            if (text !== "") expect(text).toMatch(/^HTTP\/1\.1 \d{3} /);
          }
        },
      ),
      { numRuns: 30 },
    );
    expect((await ask("/healthz")).status).toBe(200);
  });

  test("whatever is asked, the answer is JSON with a status below 500", async () => {
    const text = fc.string({ unit: "grapheme", maxLength: 30 });
    const parameter = fc.tuple(
      fc.oneof(fc.constantFrom("market", "interval", "to", "count", "markets", "events"), text),
      fc.oneof(fc.constantFrom("KRW-BTC", "1s", "all", "ticker", "9".repeat(30)), text),
    );
    const path = fc.constantFrom("/api/candles", "/api/stream", "/api/x", "/v1/y", "/%ff", "/%");
    await fc.assert(
      fc.asyncProperty(path, fc.array(parameter, { maxLength: 4 }), async (path, parameters) => {
        const reply = await ask(`${path}?${new URLSearchParams(parameters)}`);
        expect(reply.status).toBeLessThan(500);
        if (reply.status !== 200) expect(errorOf(reply).message).toBeTypeOf("string");
      }),
      { numRuns: 1_000 },
    );
  });
});
