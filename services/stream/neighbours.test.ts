import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { createLog } from "#adapters/log.ts";
import { pipelined, redisClient } from "#adapters/redis.ts";
import { decodeTail } from "#core/event/tail_event.ts";
import { redisKeys } from "#core/redis_keys.ts";
import { TOPIC_PLANS } from "#core/topics.ts";
import { type FreshDatabase, freshDatabase } from "../../sql/testing/fresh_database.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";
import { type CutProxy, cutProxy } from "../persist/testing/cut_proxy.ts";
import { type Runtime, StreamProcess } from "./testing/stream_process.ts";

/** The service as a process, with neighbours that are away, come back, or know more than it. */

const servers = testServers();
const log = createLog("test", "error");
const namespace = freshNamespace();
const keys = redisKeys(namespace);
const admin = new KafkaAdmin({ brokers: [servers.kafka], clientId: "test" }, log);
let database: FreshDatabase;
let postgres: CutProxy;
let databaseUrl: URL;
const redis = redisClient(
  { url: servers.redis, connectionName: "test", commandTimeoutMs: 10_000 },
  log,
);
const running: StreamProcess[] = [];

const TICKER =
  '{"type":"ticker","code":"KRW-SNAP","trade_price":142009000.00000000,"trade_timestamp":1,"timestamp":1735792085850,"stream_type":"REALTIME"}';

beforeAll(async () => {
  await admin.connect();
  await admin.ensureTopics(namespace, TOPIC_PLANS);
  database = await freshDatabase();
  databaseUrl = new URL(database.url);
  postgres = await cutProxy(databaseUrl.hostname, Number(databaseUrl.port));
  databaseUrl.port = String(postgres.port);
  databaseUrl.searchParams.set("role", "stofka_stream");
  if (redis.status !== "ready") await once(redis, "ready");
  await pipelined(redis, [["HSET", keys.tickers, "KRW-SNAP", `r ${TICKER}`, "KRW-ODD", "r {"]]);
});

afterEach(() => {
  for (const stream of running.splice(0)) stream.kill();
});

afterAll(async () => {
  await pipelined(redis, [["DEL", keys.tickers]]);
  redis.disconnect();
  await postgres.close();
  await database.drop();
  await admin.deleteTopics(namespace, TOPIC_PLANS);
  await admin.close();
});

async function start(runtime: Runtime, over: Record<string, string> = {}): Promise<StreamProcess> {
  const stream = await StreamProcess.start(runtime, {
    NAMESPACE: namespace,
    EXCHANGE_KIND: "simulator",
    KAFKA_BROKERS: servers.kafka,
    POSTGRES_URL: databaseUrl.href,
    REDIS_URL: servers.redis,
    ...over,
  });
  running.push(stream);
  return stream;
}

async function tickersOf(stream: StreamProcess): Promise<readonly string[]> {
  const end = new AbortController();
  const reader = stream.follow("markets=all", end.signal);
  await stream.until(() => reader.events.length > 0);
  end.abort();
  return decodeTail(reader.events[0]!.data).tickers.map(({ market }) => market);
}

describe.each<Runtime>(["node", "deno"])("stream on %s", (runtime) => {
  test("shows what Redis knew from before, and answers 503 with a remedy while PostgreSQL is away", async () => {
    const stream = await start(runtime);
    expect(await tickersOf(stream)).toEqual(["KRW-SNAP"]);

    const page = () => fetch(`${stream.url}/api/candles?market=KRW-BTC`);
    expect((await page()).status).toBe(200);
    postgres.cut();
    const away = await page();
    const { error } = await away.json() as { error: { name: string; message: string } };
    expect([away.status, error.name]).toEqual([503, "history_unavailable"]);
    expect(error.message).toMatch(/try again/);
    expect(error.message).not.toContain(databaseUrl.password);
    expect(Number(away.headers.get("retry-after"))).toBeGreaterThan(0);
    // streams and probes need no database
    expect((await fetch(`${stream.url}/readyz`)).status).toBe(200);
    expect(await tickersOf(stream)).toEqual(["KRW-SNAP"]);
    postgres.mend();
    await stream.until(async () => (await page()).status === 200);

    for (const path of ["/api/candles?market=KRW-BTC", "/api/markets", "/nothing", "/api/x"]) {
      const { headers } = await fetch(`${stream.url}${path}`);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toMatch(
        /^default-src 'none'; script-src 'self';(?!.*unsafe).*frame-ancestors 'none'$/,
      );
    }
    const { headers, body } = await fetch(`${stream.url}/api/stream`);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    await body?.cancel();

    const url = `${stream.url}/api/stream?markets=${"KRW-BTC,".repeat(1_100)}`;
    expect((await fetch(url)).status).toBe(414);
    expect(await firstLine(stream, `X-A: ${"a".repeat(20_000)}`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await firstLine(stream, "Host: evil.example")).toMatch(/^HTTP\/1\.1 (?:403|400) /);
    expect((await stream.stop()).code).toBe(0);
  });

  test("without Redis at its start it reads the compacted topics, and serves", async () => {
    const stream = await start(runtime, { REDIS_URL: "redis://:secret-password@127.0.0.1:1" });
    expect(await tickersOf(stream)).toEqual([]);
    expect((await fetch(`${stream.url}/api/candles?market=KRW-BTC`)).status).toBe(200);
    expect(stream.log).toContain('"event":"snapshot_failed"');
    expect(stream.log).not.toContain("secret-password");
    expect((await stream.stop()).code).toBe(0);
  });

  test("a client beyond the limits is told so, and the others stay", async () => {
    const stream = await start(runtime, { SSE_CLIENTS_PER_ADDRESS_MAX: "2" });
    const end = new AbortController();
    const open = () => fetch(`${stream.url}/api/stream`, { signal: end.signal });
    const [first, second, third] = [await open(), await open(), await open()];
    expect([first.status, second.status, third.status]).toEqual([200, 200, 503]);
    expect(await third.text()).toContain("SSE_CLIENTS_PER_ADDRESS_MAX");
    end.abort();
    await stream.until(async () => {
      const again = new AbortController();
      const { status } = await fetch(`${stream.url}/api/stream`, { signal: again.signal });
      again.abort();
      return status === 200;
    });
    await stream.stop();
  });
});

/** The first line of the answer to a request with one more header. */
function firstLine(stream: StreamProcess, header: string): Promise<string> {
  const host = header.startsWith("Host") ? "" : "Host: localhost\r\n";
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(stream.url).port), "127.0.0.1");
    let text = "";
    socket.on("data", (part) => text += part);
    socket.on("error", () => {});
    socket.on("close", () => resolve(text.split("\r\n")[0]!));
    socket.write(`GET /api/markets HTTP/1.1\r\n${host}${header}\r\nConnection: close\r\n\r\n`);
  });
}
