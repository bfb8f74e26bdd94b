import { execFile } from "node:child_process";
import { connect } from "node:net";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { consumeGroup } from "#adapters/kafka/consumer.ts";
import { KafkaProducer, type ProducerRecord } from "#adapters/kafka/producer.ts";
import { createLog } from "#adapters/log.ts";
import { type Database, postgresClient } from "#adapters/postgres.ts";
import { decodeCandleEvent } from "#core/event/candle_event.ts";
import { decodeTail } from "#core/event/tail_event.ts";
import {
  decodePostgresCandleEvent,
  encodePostgresCandleEvent,
} from "#core/event/postgres_candle_event.ts";
import { encodeMark } from "#core/mark.ts";
import { market } from "#core/market.ts";
import { databaseName, groupName, topicName } from "#core/namespace.ts";
import { partitionOf } from "#core/partition.ts";
import { PARTITIONS, TOPIC_PLANS, TOPICS } from "#core/topics.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";
import { rollupEventAt } from "./testing/events.ts";
import { type Runtime, StreamProcess } from "./testing/stream_process.ts";

const servers = testServers();
const log = createLog("test", "error");
const kafka = { brokers: [servers.kafka], clientId: "test" };
const namespace = freshNamespace();
const seconds = topicName(namespace, TOPICS.secondCandle);
const admin = new KafkaAdmin(kafka, log);
const producer = new KafkaProducer(kafka, log);
const stop = new AbortController();
const databaseUrl = new URL(servers.postgresOwner);
databaseUrl.pathname = `/${databaseName(namespace)}`;
let superuser: Database;
let owner: Database;

const pool = (url: string): Database =>
  postgresClient({ url, applicationName: "test", connectionsMax: 2, statementTimeoutMs: 0 });

beforeAll(async () => {
  await admin.connect();
  await admin.ensureTopics(namespace, TOPIC_PLANS);
  await producer.connect(stop.signal);
  superuser = pool(servers.postgres);
  for (const role of ["stofka_persist", "stofka_stream", "stofka_repair"]) {
    const [found] = await superuser`SELECT 1 FROM pg_roles WHERE rolname = ${role}`;
    if (found === undefined) await superuser.unsafe(`CREATE ROLE ${role} LOGIN`);
  }
  const ownerRole = new URL(servers.postgresOwner).username;
  await superuser.unsafe(`CREATE DATABASE ${databaseName(namespace)} OWNER ${ownerRole}`);
  await promisify(execFile)(process.execPath, [
    new URL("../../sql/migrate.ts", import.meta.url).pathname,
  ], { env: { POSTGRES_URL: databaseUrl.href } });
  owner = pool(databaseUrl.href);
});

afterAll(async () => {
  stop.abort();
  await owner.end();
  await superuser.unsafe(`DROP DATABASE ${databaseName(namespace)} WITH (FORCE)`);
  await superuser.end();
  await producer.close();
  await admin.deleteTopics(namespace, TOPIC_PLANS);
  await admin.close();
});

function settings(over: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    NAMESPACE: namespace,
    EXCHANGE_KIND: "simulator",
    KAFKA_BROKERS: servers.kafka,
    POSTGRES_URL: databaseUrl.href,
    REDIS_URL: servers.redis,
    ...over,
  };
}

/** A second of the exchange's wire; its revision grows with `tickMs`. */
function second(name: string, startsAtMs: number, tickMs: number, padding = 0): ProducerRecord {
  const start = new Date(startsAtMs).toISOString().slice(0, 19);
  return {
    topic: seconds,
    partition: partitionOf(market(name)),
    key: name,
    headers: { origin: "websocket", received_at: String(Date.now()), frame: "f" },
    value:
      `{"type":"candle.1s","code":"${name}","candle_date_time_utc":"${start}","opening_price":142009000.00000000,"high_price":142009000.0,"low_price":142009000,"trade_price":142009000.0,"candle_acc_trade_volume":0.0060${padding}6119,"candle_acc_trade_price":860743.5307100000000000,"timestamp":${tickMs},"stream_type":"REALTIME"}`,
  };
}

function marks(): ProducerRecord[] {
  const nowMs = Date.now();
  return Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: seconds,
    partition,
    key: null,
    headers: { kind: "mark" },
    value: encodeMark({
      writtenAtMs: nowMs,
      link: "up",
      cause: "started",
      session: { id: "s", markets: [], sinceMs: nowMs, untilMs: nowMs, ended: false },
    }),
  }));
}

const running: StreamProcess[] = [];

afterEach(() => {
  for (const stream of running.splice(0)) stream.kill();
});

async function start(
  runtime: Runtime,
  over?: Readonly<Record<string, string>>,
): Promise<StreamProcess> {
  const stream = await StreamProcess.start(runtime, settings(over));
  running.push(stream);
  return stream;
}

const thisSecond = (): number => Math.floor(Date.now() / 1_000) * 1_000;

describe.each<Runtime>(["node", "deno"])("stream on %s", (runtime) => {
  test("an element becomes an event with its digits; an older revision never follows a newer one", async () => {
    const stream = await start(runtime);
    const end = new AbortController();
    const reader = stream.follow("markets=KRW-BTC", end.signal);
    await stream.until(() => reader.events.length > 0);
    const startMs = thisSecond();
    // what a test before this one left in the topic was counted at the start
    const counts = async (): Promise<readonly number[]> => {
      const text = await (await fetch(`${stream.ops}/metrics`)).text();
      return [/stale_total\{[^}]*candle_1s[^}]*\} (\d+)/, /element_unreadable[^}]*\} (\d+)/]
        .map((pattern) => Number(pattern.exec(text)?.[1] ?? 0));
    };
    const before = await counts();
    await producer.send([second("KRW-BTC", startMs, startMs + 500)], stop.signal);
    await producer.send([second("KRW-BTC", startMs, startMs + 400)], stop.signal);
    await producer.send([
      second("KRW-ETH", startMs, startMs + 1),
      { ...second("KRW-BTC", startMs, startMs + 900), value: "{" },
      second("KRW-BTC", startMs, startMs + 700),
    ], stop.signal);
    const candles = () => reader.events.filter(({ name }) => name === "candle");
    await stream.until(() => candles().length >= 2);
    expect(candles().map(({ data }) => decodeCandleEvent(data).lastTickAtMs - startMs))
      .toEqual([500, 700]);
    expect(candles()[0]!.data).toContain('"open":142009000,');
    expect(candles()[0]!.data).toContain('"turnover":860743.53071,');
    expect((await counts()).map((count, at) => count - before[at]!)).toEqual([1, 1]);
    const { code } = await stream.stop();
    expect(code).toBe(0); // 1 if the end took longer than the service allows itself
    await stream.until(() => reader.ended);
    end.abort();
  });

  test("a replica that starts while seconds arrive misses none after persist's offsets", async () => {
    const name = runtime === "node" ? "KRW-AAA" : "KRW-BBB";
    const first = thisSecond() - 600_000;
    const send = (from: number, count: number) =>
      producer.send(
        Array.from({ length: count }, (_, at) => {
          const startMs = first + (from + at) * 1_000;
          return second(name, startMs, startMs + 900);
        }),
        stop.signal,
      );
    await producer.send(marks(), stop.signal);
    await send(0, 50);
    // what persist would have committed
    const persist = new AbortController();
    await consumeGroup({
      settings: kafka,
      log,
      groupId: groupName(namespace, "persist"),
      topics: [seconds],
      maxWaitMs: 100,
      handle: ({ partition, records }) => {
        if (partition === partitionOf(market(name)) && records.length > 0) {
          setTimeout(() => persist.abort(), 500);
        }
        return Promise.resolve();
      },
    }, persist.signal);
    await send(50, 50);
    const starting = start(runtime);
    await send(100, 50);
    const stream = await starting;
    const end = new AbortController();
    const reader = stream.follow(`markets=${name}&events=candle`, end.signal);
    await send(150, 50);
    const held = (): Set<number> => {
      const [tail, ...later] = reader.events;
      if (tail === undefined) return new Set();
      return new Set(
        [...decodeTail(tail.data).candles, ...later.map(({ data }) => decodeCandleEvent(data))]
          .map(({ startsAtMs }) => (startsAtMs - first) / 1_000),
      );
    };
    await stream.until(() => held().has(199));
    const missing = Array.from({ length: 150 }, (_, at) => 50 + at).filter((at) => !held().has(at));
    expect(missing).toEqual([]);
    end.abort();
    await stream.stop();
  });

  test("roll-ups of the last minute are in the tail, later ones follow; a replica does not wait for them", async () => {
    const name = runtime === "node" ? "KRW-ROLLA" : "KRW-ROLLB";
    const send = (sequence: number) => {
      const event = rollupEventAt(name, "1m", sequence * 60_000, sequence);
      return producer.send([{
        topic: topicName(namespace, TOPICS.postgresCandle),
        partition: partitionOf(event.market),
        key: name,
        value: encodePostgresCandleEvent(event),
        headers: {},
      }], stop.signal);
    };
    await send(1);
    const stream = await start(runtime);
    const end = new AbortController();
    const reader = stream.follow(
      `markets=${name}&events=postgres-candle&intervals=1m,5m`,
      end.signal,
    );
    await stream.until(() => reader.events.length > 0);
    const tail = decodeTail(reader.events[0]!.data);
    expect(tail.postgresCandles.map(({ volume }) => volume)).toEqual(["1"]);
    await send(2);
    await stream.until(() => reader.events.length > 1);
    expect(reader.events[1]!.name).toBe("postgres-candle");
    expect(decodePostgresCandleEvent(reader.events[1]!.data))
      .toEqual(rollupEventAt(name, "1m", 120_000, 2));
    const status = await (await fetch(`${stream.url}/api/status`)).json() as {
      readonly intervals: readonly string[];
    };
    expect(status.intervals).toHaveLength(12);
    end.abort();
    await stream.stop();
  });

  test("a reader that does not read is cut, and the others get everything meanwhile", async () => {
    const stream = await start(runtime, {
      SSE_UNSENT_BYTES_MAX: "16384",
      SSE_BEHIND_MS_MAX: "6000", // longer than a busy machine keeps the other one from reading
    });
    const end = new AbortController();
    const stuck = connect(Number(new URL(stream.url).port), "127.0.0.1");
    stuck.on("error", () => {});
    stuck.write("GET /api/stream?markets=KRW-SLOW HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stuck.pause();
    const reader = stream.follow("markets=KRW-SLOW&events=candle", end.signal);
    await stream.until(() => reader.events.length > 0);
    const startMs = thisSecond() - 86_400_000 + (runtime === "node" ? 0 : 43_200_000);
    const count = 40_000;
    for (let at = 0; at < count; at += 1_000) {
      await producer.send(
        Array.from({ length: 1_000 }, (_, more) => {
          const second_ = startMs + (at + more) * 1_000;
          return second("KRW-SLOW", second_, second_ + 5);
        }),
        stop.signal,
      );
    }
    const cut = async (): Promise<boolean> =>
      /clients_cut_total\{[^}]*\} 1\n/.test(await (await fetch(`${stream.ops}/metrics`)).text());
    await stream.until(async () => reader.events.length > count && await cut(), 15_000);
    expect(reader.ended).toBe(false);
    stuck.destroy();
    end.abort();
    await stream.stop();
  });

  test("a candle page is what PostgreSQL holds, with coverage and feed of the same moment", async () => {
    const stream = await start(runtime);
    const name = "KRW-PAGE";
    await owner`SELECT ensure_seconds_day('2026-11-01'), ensure_seconds_day('2026-11-02')`;
    await owner`INSERT INTO market_candle_1s (starts_at, last_tick_at, received_at, correction_ms,
        origin, revisions, deleted, market, open, high, low, close, volume, turnover)
      SELECT at, at + interval '0.5 s', at + interval '1.007 s', 0, 'websocket', 2, at = '2026-11-02T00:00:00Z',
        ${name}, 1.5, 2.25, 1, 2, 0.00000001, 104890599315.22821
      FROM generate_series('2026-11-01T23:59:50Z'::timestamptz, '2026-11-02T00:00:10Z', '1 s') AS at
      ON CONFLICT DO NOTHING`;
    await owner`INSERT INTO coverage_session VALUES ('2026-11-01T23:59:00Z', '2026-11-02T00:00:08Z',
        '2026-11-02T00:00:10Z', ${
      partitionOf(market(name))
    }, false, ${runtime}, 'started', NULL, ARRAY[${name}])`;
    await owner`INSERT INTO feed VALUES (${
      partitionOf(market(name))
    }, '2026-11-02T00:00:10Z', NULL, 'up', 'started')
      ON CONFLICT DO NOTHING`;
    const get = async (query: string) => {
      const response = await fetch(`${stream.url}/api/candles?market=${name}&${query}`);
      return { status: response.status, text: await response.text() };
    };
    const { text } = await get("count=12");
    expect(text).toContain('"turnover":[104890599315.22821,');
    expect(text).toContain('"volume":[0.00000001,');
    const page = JSON.parse(text);
    const midnight = Date.parse("2026-11-02T00:00:00Z");
    expect(page).toMatchObject({ market: name, known_until_ms: midnight + 10_000, more: true });
    // the tombstone at midnight is no row
    expect(page.columns.starts_at_ms.map((ms: number) => (ms - midnight) / 1_000))
      .toEqual([-2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(page.columns.closed.slice(-3)).toEqual([true, false, false]);
    expect(page.columns.complete[0]).toBe(true);
    const older = JSON.parse((await get("to=2026-11-01T23:59:52Z")).text);
    expect(older.columns.starts_at_ms.map((ms: number) => (ms - midnight) / 1_000))
      .toEqual([-10, -9]);
    expect(older.more).toBe(false);
    const same = await Promise.all(Array.from({ length: 200 }, () => get("count=2000")));
    expect(new Set(same.map(({ text }) => text)).size).toBe(1);
    expect((await get("interval=1h")).status).toBe(200);
    await stream.stop();
  });
});
