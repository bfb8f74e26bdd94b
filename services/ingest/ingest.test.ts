import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { consumeAll } from "#adapters/kafka/consumer.ts";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import { createLog } from "#adapters/log.ts";
import { sleep } from "#core/lifecycle.ts";
import { decodeMark, type Mark } from "#core/mark.ts";
import type { Market } from "#core/market.ts";
import { groupName, topicName } from "#core/namespace.ts";
import { partitionOf } from "#core/partition.ts";
import { PARTITIONS, TOPIC_PLANS, TOPICS } from "#core/topics.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";
import { tied } from "../../tests/tied.ts";
import { until } from "../../tests/until.ts";
import { permissionsOf } from "../permissions.ts";

/**
 * The whole of ingest as a process of its own, under Deno with its permissions, between an exchange in the test's hands
 * and a real Kafka.
 */

const DENO = `node_modules/@deno/${process.platform}-${process.arch}${
  process.platform === "linux" ? "-glibc" : ""
}/deno`;
const MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP"] as Market[];
const kafka = { brokers: [testServers().kafka], clientId: "test" };
const log = createLog("test", "error");
const namespace = freshNamespace();
const admin = new KafkaAdmin(kafka, log);
const never = new AbortController().signal;

const rest = createServer((_request, response) => {
  response.end(JSON.stringify(
    [...MARKETS, "KRW-GONE"].map((market) => ({ market, korean_name: "비", english_name: "B" })),
  ));
});
const exchange = new WebSocketServer({ server: rest });
let client: WebSocket | null = null;
const subscriptions: unknown[][] = [];
exchange.on("connection", (socket) => {
  client = socket;
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as Record<string, unknown>[];
    if (frame[1]?.["method"] === undefined) {
      subscriptions.push(frame);
      for (const market of MARKETS) send("ticker", market, `"stream_type":"SNAPSHOT"`);
    } else {
      const result = [{ type: "candle.1s", codes: MARKETS }];
      const ticket = frame[0]?.["ticket"];
      socket.send(Buffer.from(JSON.stringify({ method: "LIST_SUBSCRIPTIONS", result, ticket })));
    }
  });
});

/** What the exchange sent: topic → texts, in order. */
const sent: Record<string, string[]> = { "candle.1s": [], ticker: [] };
let count = 0;

/** An element spelled as no encoder would: odd spaces, trailing zeros, exponents, Korean. */
function send(type: "candle.1s" | "ticker", market: string, more = `"비고":"1.0"`): void {
  const text = `{"type":"${type}", "code":"${market}","trade_price":142009000.00000000,` +
    `"small":7.9276E-4,"n":${++count}.0,${more}}`;
  sent[type]!.push(text);
  client?.send(Buffer.from(text));
}

let ingest: ChildProcess;
let output = "";
let base = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => rest.listen(0, "127.0.0.1", resolve));
  base = `127.0.0.1:${(rest.address() as AddressInfo).port}`;
  await admin.connect();
  await admin.ensureTopics(namespace, TOPIC_PLANS);
  // from a run before: delisted since then
  const producer = new KafkaProducer(kafka, log);
  await producer.send([{
    topic: topicName(namespace, TOPICS.listing),
    partition: 0,
    key: "KRW-OLD",
    value: "{}",
    headers: {},
  }], never);
  await producer.close();
  const settings = {
    NAMESPACE: namespace,
    KAFKA_BROKERS: testServers().kafka,
    EXCHANGE_KIND: "simulator",
    EXCHANGE_WS_URL: `ws://${base}/websocket/v1`,
    EXCHANGE_REST_URL: `http://${base}/v1`,
    OPS_PORT: "0",
  };
  ingest = tied(spawn(
    DENO,
    ["run", ...permissionsOf("ingest", settings), "services/ingest/main.ts"],
    { env: { ...process.env, ...settings }, stdio: ["ignore", "pipe", "pipe"] },
  ));
  for (const stream of [ingest.stdout!, ingest.stderr!]) {
    stream.on("data", (data) => output += String(data));
  }
});

afterAll(async () => {
  ingest.kill("SIGKILL");
  client?.terminate();
  exchange.close();
  rest.close();
  await admin.deleteTopics(namespace, TOPIC_PLANS);
  await admin.close();
});

const eventually = (what: string, holds: () => boolean): Promise<void> =>
  until(what, 15_000, holds, { told: () => output });

const sessionsOpen = (): number => output.split('"session_open"').length - 1;

/** All records of a topic as they stand now, by partition. */
async function read(topic: Parameters<typeof topicName>[1]): Promise<ConsumedRecord[][]> {
  const name = topicName(namespace, topic);
  const ends = await admin.endOffsets(name);
  const partitions: ConsumedRecord[][] = [...ends.keys()].map(() => []);
  const stop = new AbortController();
  const complete = (): boolean =>
    [...ends].every(([partition, end]) => BigInt(partitions[partition]!.length) >= end);
  if (complete()) return partitions;
  await consumeAll({
    settings: kafka,
    log,
    groupPrefix: groupName(namespace, "ingest-test"),
    positions: () => new Map([[name, new Map([...ends.keys()].map((p) => [p, 0n]))]]),
    handle: ({ partition, records }) => {
      partitions[partition]!.push(...records);
      if (complete()) stop.abort();
      return Promise.resolve();
    },
  }, stop.signal);
  return partitions;
}

test(
  "ingest carries bytes unchanged, marks each second, comes back after a close, and says goodbye",
  async () => {
    await eventually("the first session", () => sessionsOpen() === 1);
    for (let round = 0; round < 30; round++) {
      for (const market of MARKETS) send("candle.1s", market);
      await sleep(100, never);
    }
    // code 1000 is no goodbye; a busy machine may hold up one return, a slow ingest is slow each time
    let [closes, leastMs] = [0, Infinity];
    while (leastMs >= 2_000 && closes < 3) {
      const closedAtMs = performance.now();
      client!.close(1000);
      closes++;
      await eventually("the next session", () => sessionsOpen() === 1 + closes);
      leastMs = Math.min(leastMs, performance.now() - closedAtMs);
    }
    expect(leastMs).toBeLessThan(2_000);
    client!.send(Buffer.from('{"type":"candle.1s","code":"KRW-'));
    await eventually("the dead letter", () => output.includes("frame_unreadable"));
    const listing = topicName(namespace, TOPICS.listing);
    await until("every listing is told", 15_000, async () => {
      const ends = [...(await admin.endOffsets(listing)).values()];
      return ends.reduce((sum, end) => sum + end, 0n) === BigInt(MARKETS.length + 3);
    }, { told: () => output });
    await sleep(2_200, never);
    ingest.kill("SIGTERM");
    const [code] = await once(ingest, "exit");
    expect(code).toBe(0); // 1 if the end took longer than the service allows itself

    expect(subscriptions[0]!.slice(1)).toEqual([
      { type: "candle.1s", codes: [...MARKETS, "KRW-GONE"] },
      { type: "ticker", codes: [...MARKETS, "KRW-GONE"] },
      { format: "DEFAULT" },
    ]);

    const candles = await read(TOPICS.secondCandle);
    const tickers = await read(TOPICS.ticker);
    for (const [type, records] of [["candle.1s", candles], ["ticker", tickers]] as const) {
      for (const market of MARKETS) {
        const kept = records[partitionOf(market)]!.filter(({ key }) => key === market);
        expect(kept.map(({ value }) => String(value))).toEqual(
          sent[type]!.filter((text) => text.includes(`"${market}"`)),
        );
        for (const { headers } of kept) {
          expect(headers["origin"]).toBe("websocket");
          expect(Math.abs(Number(headers["received_at"]) - Date.now())).toBeLessThan(120_000);
          expect(headers["frame"]).toMatch(/^[0-9a-f]{6}-[0-9a-z]+$/);
        }
      }
    }

    expect(candles).toHaveLength(PARTITIONS);
    for (const [partition, records] of candles.entries()) {
      const marks: Mark[] = [];
      for (const [at, { key, value }] of records.entries()) {
        if (key !== null) continue;
        const mark = decodeMark(String(value));
        marks.push(mark);
        // all received before the mark was written precede it
        const later = records.slice(at).filter(({ key }) => key !== null);
        for (const { headers } of later) {
          expect(Number(headers["received_at"])).toBeGreaterThanOrEqual(mark.writtenAtMs);
        }
        expect(mark.session?.markets ?? []).toEqual(
          mark.session === null
            ? []
            : MARKETS.filter((market) => partitionOf(market) === partition),
        );
        if (mark.session !== null) {
          expect(mark.session.untilMs).toBeLessThanOrEqual(mark.writtenAtMs);
        }
      }
      const pauses = marks.slice(1).map((mark, at) => mark.writtenAtMs - marks[at]!.writtenAtMs)
        .sort((a, b) => a - b);
      // a busy machine may hold up one or two
      expect(pauses[Math.floor(pauses.length / 2)]).toBeLessThan(1_500);
      const ends = marks.filter(({ session }) => session?.ended).map(({ cause }) => cause);
      // a pong in time brings the session back before the stop
      expect(ends.filter((cause) => cause !== "stopped"))
        .toEqual([...Array<string>(closes).fill("closed"), "error"]);
      expect(marks.at(-1)).toMatchObject({ link: "down", cause: "stopped" });
    }

    const [listings] = await read(TOPICS.listing);
    expect(listings!.map(({ key, value }) => [key, value === null])).toEqual([
      ["KRW-OLD", false],
      ...[...MARKETS, "KRW-GONE"].map((market) => [market, false]),
      ["KRW-OLD", true],
    ]);
    const [letters] = await read(TOPICS.deadLetter);
    expect(letters!.map(({ value }) => String(value))).toEqual([
      '{"type":"candle.1s","code":"KRW-',
    ]);
  },
);
