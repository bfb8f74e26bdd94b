import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { consumeAll } from "#adapters/kafka/consumer.ts";
import { KafkaProducer, type ProducerRecord } from "#adapters/kafka/producer.ts";
import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import { createLog } from "#adapters/log.ts";
import type { Database } from "#adapters/postgres.ts";
import { type Redis, redisClient } from "#adapters/redis.ts";
import type { Candle } from "#core/candle.ts";
import { decodeCandleEvent } from "#core/event/candle_event.ts";
import { decodeTail } from "#core/event/tail_event.ts";
import { decodeTickerEvent } from "#core/event/ticker_event.ts";
import { sleep } from "#core/lifecycle.ts";
import { topicName } from "#core/namespace.ts";
import { FUTURE_MS_MAX, Plausibility } from "#core/plausible.ts";
import { redisKeys } from "#core/redis_keys.ts";
import { HEADERS, TOPIC_PLANS, TOPICS } from "#core/topics.ts";
import { type FreshDatabase, freshDatabase } from "../sql/testing/fresh_database.ts";
import { freshNamespace, testServers } from "../tests/servers.ts";
import { tied } from "../tests/tied.ts";
import { until } from "../tests/until.ts";
import {
  keyOf,
  ledgerSeconds,
  listedMarkets,
  type Second,
  type Seconds,
  type StoredSecond,
  storedSeconds,
} from "../tests/whole/seconds.ts";
import { ExchangeProcess } from "./ingest/testing/exchange_process.ts";
import { LiveIngest } from "./ingest/testing/live_ingest.ts";
import { readBatch } from "./persist/read_batch.ts";
import type { Hole } from "./persist/work.ts";
import type { ReadEvent } from "./stream/testing/reader.ts";
import { StreamProcess } from "./stream/testing/stream_process.ts";

/**
 * What no exchange should send, sent by the simulated one through ingest, Kafka, persist and stream as they are: it ends in the
 * dead letter with the reason, and nothing untrue is in the table, in Redis or in any event that a client gets. What may be
 * missing is not called covered.
 */

const never = new AbortController().signal;
const MARKETS = 5;
const namespace = freshNamespace();
const kafka = { brokers: [testServers().kafka], clientId: "test" };
const log = createLog("test", "error");

/** What each form of garble is refused with, by ingest or by persist. */
const FORMS = [
  ["truncated", ["frame_unreadable", "record_unreadable"]],
  [
    "absurd",
    ["candle_absurd", "decimal_invalid", "decimal_too_long", "turnover_doubtful", "field_invalid"],
  ],
  ["future", ["second_in_future", "ticker_in_future"]],
  ["nan", ["frame_unreadable", "record_unreadable"]],
  ["crossed", ["candle_absurd"]],
  ["outside", ["candle_absurd"]],
  ["thousandfold", ["price_doubtful"]],
  ["turnover", ["turnover_doubtful"]],
  ["stranger", ["market_unlisted"]],
] as const;

/** A record of the dead letter. */
interface Letter {
  readonly code: string;
  readonly reason: string;
  readonly value: string;
}

let exchange: ExchangeProcess;
let ingest: LiveIngest;
let persist: ChildProcess;
let stream: StreamProcess;
let fresh: FreshDatabase;
let sql: Database;
let admin: KafkaAdmin;
let producer: KafkaProducer;
/** What Kafka acknowledged. */
const records: ProducerRecord[] = [];
const letters: Letter[] = [];
const following = new AbortController();
let consuming: Promise<void>;
/** What a client of all markets got. */
let events: readonly ReadEvent[];

beforeAll(async () => {
  // no second is sent twice: what is taken is the truth whole
  [exchange, fresh] = await Promise.all([
    ExchangeProcess.start("--markets", `${MARKETS}`, "--rate", "60", "--late", "0", "--seed", "11"),
    freshDatabase(),
  ]);
  sql = fresh.as(null, 1);
  admin = new KafkaAdmin(kafka, log);
  await admin.connect();
  await admin.ensureTopics(namespace, TOPIC_PLANS);
  producer = new KafkaProducer(kafka, log);
  const settings = {
    NAMESPACE: namespace,
    KAFKA_BROKERS: testServers().kafka,
    POSTGRES_URL: fresh.url,
    REDIS_URL: testServers().redis,
    LOG_LEVEL: "error",
  };
  persist = tied(spawn(
    process.execPath,
    [new URL("persist/main.ts", import.meta.url).pathname],
    {
      env: { ...settings, OPS_PORT: "0", SECONDS_KEPT_DAYS: "0" },
      stdio: ["ignore", "ignore", "inherit"],
    },
  ));
  stream = await StreamProcess.start("node", { ...settings, EXCHANGE_KIND: "simulator" });
  events = stream.follow("markets=all", following.signal).events;
  consuming = consumeAll({
    settings: kafka,
    log,
    groupPrefix: "test",
    positions: () => new Map([[topicName(namespace, TOPICS.deadLetter), new Map([[0, 0n]])]]),
    handle: ({ records }) => {
      for (const { headers, value } of records) {
        letters.push({
          code: headers[HEADERS.deadCode] ?? "",
          reason: headers[HEADERS.deadReason] ?? "",
          value: String(value),
        });
      }
      return Promise.resolve();
    },
  }, following.signal);
  ingest = new LiveIngest({
    wsUrl: exchange.ws,
    restUrl: exchange.rest,
    namespace,
    sender: {
      send: async (batch, signal) => {
        await producer.send(batch, signal);
        records.push(...batch);
      },
    },
  });
  await ingest.until("the first session", () => ingest.covered.length === MARKETS);
  const second = topicName(namespace, TOPICS.secondCandle);
  const shown = () =>
    new Set(records.filter(({ topic, key }) => topic === second && key !== null).map((r) => r.key));
  await ingest.until("each market shows its price", () => shown().size === MARKETS);
}, 180_000);

afterAll(async () => {
  following.abort();
  await Promise.all([ingest?.stop(), consuming]);
  stream?.kill();
  if (persist !== undefined && persist.exitCode === null) {
    persist.kill("SIGTERM");
    await once(persist, "exit");
  }
  exchange?.stop();
  await producer?.close();
  await fresh?.drop();
  await admin?.deleteTopics(namespace, TOPIC_PLANS);
  await admin?.close();
});

describe("poison", () => {
  const codes = new Set<string>();

  test.each(FORMS)("%s goes to the dead letter with the reason", async (form, expected) => {
    const from = letters.length;
    // frames of tickers are spoilt too, and those that nobody can read are told by no market
    const found = () => letters.slice(from).filter(({ code }) => code !== "frame_unknown");
    await exchange.fault({ kind: "garble", for_ms: 60_000, share: 0.5, form });
    await sleep(1_500, never);
    await until(
      "a candle is refused",
      15_000,
      () => found().some(({ value }) => value.includes('"candle.1s"')),
    );
    await exchange.fault({ kind: "garble", for_ms: 0, form });
    await passed();
    await settled();
    for (const { code, reason } of found()) {
      expect(expected, reason).toContain(code);
      expect(reason.length).toBeGreaterThan(10);
      codes.add(code);
    }
  });

  test("nothing untrue is in the table, and what was refused may be missing", async () => {
    expect(codes.size).toBeGreaterThan(7);
    // Redis may have been away for a moment, and its seconds begin anew then
    const redis = await redisOf();
    await until("Redis holds seconds of each market", 30_000, async () => {
      const keys = redisKeys(namespace);
      const counts = await Promise.all(
        (await listedMarkets(exchange.rest)).map((market) =>
          redis.zcard(keys.seconds(market as Candle["market"]))
        ),
      );
      return counts.every((count) => count > 10);
    }, { everyMs: 500 }).finally(() => redis.disconnect());
    await ingest.stop();
    await settled();
    const { taken, holes } = expectedOf(records);
    expect(taken.size).toBeGreaterThan(50);
    const stored = await storedSeconds(sql, 0, 4e12);
    expect([...stored.keys()].sort()).toEqual([...taken.keys()].sort());
    const truth = await truthOf(stored);
    for (const [key, second] of stored) expect(isTrue(second, truth, taken), key).toBe(true);
    // whatever true second was refused lies in a hole, or in no session
    const lost = [...truth].filter(([key]) => !stored.has(key)).map(([, second]) => second);
    const named = lost.filter((second) => holes.some((hole) => contains(hole, second)));
    expect(named.length).toBeGreaterThan(5);
    for (const { market, startsAtMs } of named) {
      const from = new Date(startsAtMs).toISOString();
      const [row] = await sql`
        SELECT covered(${market}, ${from}::text::timestamptz, ${from}::text::timestamptz + interval '1 s')
          @> ${from}::text::timestamptz AS covered`;
      expect(row!["covered"], `${market} ${from}`).toBe(false);
    }
    const cut = ingest.events("session_end").filter(({ cause }) => cause === "error").length;
    expect(cut).toBeGreaterThan(0);
  });

  test("nor in Redis", async () => {
    const { taken } = expectedOf(records);
    const truth = await truthOf(await storedSeconds(sql, 0, 4e12));
    const keys = redisKeys(namespace);
    const redis = await redisOf();
    try {
      const listed = await listedMarkets(exchange.rest);
      const held = await Promise.all([
        redis.hvals(keys.candles),
        ...listed.map((market) =>
          redis.zrange(keys.seconds(market as Candle["market"]), "0", "-1")
        ),
      ]);
      const seconds = held.flat().map((text) => secondOf(decodeCandleEvent(payload(text))));
      expect(seconds.length).toBeGreaterThan(50);
      for (const second of seconds) {
        expect(isTrue(second, truth, taken), JSON.stringify(second)).toBe(true);
      }
      const tickers = await redis.hgetall(keys.tickers);
      expect(Object.keys(tickers).sort()).toEqual([...listed].sort());
      for (const element of Object.values(tickers)) expect(element).not.toMatch(/3025-|325036/);
      // the ranges that answer pages, and whatever else there is
      for (const key of await redis.keys(`${namespace}*`)) {
        expect(key).not.toContain("STRANGER");
      }
    } finally {
      redis.disconnect();
    }
  });

  test("nor in any event that a client got", async () => {
    const { taken } = expectedOf(records);
    const truth = await truthOf(await storedSeconds(sql, 0, 4e12));
    const tails = events.filter(({ name }) => name === "tail").map(({ data }) => decodeTail(data));
    const candles = [
      ...tails.flatMap(({ candles }) => candles),
      ...events.filter(({ name }) => name === "candle").map(({ data }) => decodeCandleEvent(data)),
    ].map(secondOf);
    expect(new Set(candles.map(keyOf))).toEqual(new Set(taken.keys()));
    for (const second of candles) {
      expect(isTrue(second, truth, taken), JSON.stringify(second)).toBe(true);
    }
    const tickers = [
      ...tails.flatMap(({ tickers }) => tickers),
      ...events.filter(({ name }) => name === "ticker").map(({ data }) => decodeTickerEvent(data)),
    ];
    expect(tickers.length).toBeGreaterThan(100);
    for (const { market, timestampMs, tradeTimestampMs } of tickers) {
      expect(market).not.toContain("STRANGER");
      expect(Math.max(timestampMs, tradeTimestampMs)).toBeLessThan(Date.now() + FUTURE_MS_MAX);
    }
  });
});

async function redisOf(): Promise<Redis> {
  const url = testServers().redis;
  const redis = redisClient({ url, connectionName: "test", commandTimeoutMs: 10_000 }, log);
  await until("Redis answers", 5_000, () => redis.ping().then(() => true, () => false));
  return redis;
}

/** Resolves when all that the exchange sent before is acknowledged: seconds that it sent later are, on the same connection. */
async function passed(): Promise<void> {
  const second = topicName(namespace, TOPICS.secondCandle);
  const nowMs = await exchange.nowMs();
  const later = ({ topic, key, value }: ProducerRecord): boolean => {
    if (topic !== second || key === null) return false;
    const [, time] = /"candle_date_time_utc":"([^"]+)"/.exec(String(value)) ?? [];
    return time !== undefined && Date.parse(`${time}Z`) >= nowMs;
  };
  const from = records.length;
  await until("later seconds are acknowledged", 15_000, () => records.slice(from).some(later));
}

/** Resolves when persist and stream have handled all that Kafka acknowledged. */
async function settled(): Promise<void> {
  const told = () =>
    `${letters.length} letters of ${expectedOf(records).letters}; ${
      expectedOf(records).taken.size
    } seconds`;
  await until(
    "all that was refused is in the dead letter, the rest in the table",
    20_000,
    async () => {
      const { taken, letters: count } = expectedOf(records);
      const [row] = await sql`SELECT count(*)::int AS rows FROM market_candle_1s`;
      if (letters.length < count || (row!["rows"] as number) < taken.size) return false;
      const shown = new Set(
        events.filter(({ name }) => name === "candle").map(({ data }) =>
          keyOf(decodeCandleEvent(data))
        ),
      );
      return shown.size >= taken.size;
    },
    { everyMs: 100, told },
  );
}

/** What persist must make of the records: this code is its own, what it does is checked against the exchange's ledger. */
function expectedOf(records: readonly ProducerRecord[]): {
  /** Each state that was ever accepted of a second. */
  readonly taken: ReadonlyMap<string, readonly Second[]>;
  readonly holes: readonly Hole[];
  readonly letters: number;
} {
  const plausibility = new Plausibility();
  const window = { sinceMs: 0, untilMs: Date.now() + 86_400_000 };
  const taken = new Map<string, Second[]>();
  const holes: Hole[] = [];
  let letters = 0;
  for (const record of records) {
    const kind = record.topic === topicName(namespace, TOPICS.secondCandle)
      ? "second"
      : record.topic === topicName(namespace, TOPICS.ticker)
      ? "ticker"
      : null;
    if (kind === null) {
      letters += Number(record.topic === topicName(namespace, TOPICS.deadLetter));
      continue;
    }
    const batch = { topic: record.topic, partition: record.partition, highWatermark: 0n };
    const work = readBatch(
      kind,
      { ...batch, records: [consumed(record)] },
      window,
      plausibility,
    );
    letters += work.refusals.length;
    for (const { hole } of work.refusals) if (hole !== null) holes.push(hole);
    for (const { event } of work.seconds) {
      const key = keyOf(event);
      taken.set(key, [...taken.get(key) ?? [], secondOf(event)]);
    }
  }
  return { taken, holes, letters };
}

function consumed(record: ProducerRecord): ConsumedRecord {
  const value = record.value === null ? null : Buffer.from(record.value);
  return { ...record, value, offset: 0n, timestampMs: Date.now() };
}

/** What the exchange says of the time of these seconds. */
async function truthOf(stored: ReadonlyMap<string, StoredSecond>): Promise<Seconds> {
  const starts = [...stored.values()].map(({ startsAtMs }) => startsAtMs);
  return await ledgerSeconds(
    exchange.control,
    await listedMarkets(exchange.rest),
    Math.min(...starts),
    Math.max(...starts) + 1_000,
  );
}

/**
 * As the ledger has it; or, at a subscription, the first trades of a second that was running, which is none of the spoilt ones:
 * their sum is less, and no price of theirs is outside of the ledger's.
 */
function isTrue(
  second: Second,
  truth: Seconds,
  taken: ReadonlyMap<string, readonly Second[]>,
): boolean {
  const whole = truth.get(keyOf(second));
  if (whole === undefined) return false;
  const { open, high, low, close, volume, turnover, lastTickAtMs } = second;
  const states = taken.get(keyOf(second)) ?? [];
  if (!states.some((state) => FIELDS.every((field) => state[field] === second[field]))) {
    return false;
  }
  if (FIELDS.every((field) => whole[field] === second[field])) return true;
  return open === whole.open && Number(high) <= Number(whole.high) &&
    Number(low) >= Number(whole.low) && Number(close) <= Number(whole.high) &&
    Number(close) >= Number(whole.low) && Number(volume) < Number(whole.volume) &&
    Number(turnover) < Number(whole.turnover) && lastTickAtMs <= whole.lastTickAtMs;
}

const FIELDS = ["open", "high", "low", "close", "volume", "turnover", "lastTickAtMs"] as const;

function secondOf(candle: Candle): Second {
  const { market, startsAtMs, lastTickAtMs, open, high, low, close, volume, turnover } = candle;
  return { market, startsAtMs, lastTickAtMs, open, high, low, close, volume, turnover };
}

/** Behind the revision. */
function payload(text: string): string {
  return text.slice(text.indexOf(" ") + 1);
}

function contains({ market, sinceMs, untilMs }: Hole, second: Second): boolean {
  return market === second.market && sinceMs <= second.startsAtMs && second.startsAtMs < untilMs;
}
