import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { createLog } from "#adapters/log.ts";
import { sleep } from "#core/lifecycle.ts";
import { TOPIC_PLANS } from "#core/topics.ts";
import { clock } from "../../services/ingest/clock.ts";
import { ExchangeProcess } from "../../services/ingest/testing/exchange_process.ts";
import { freshDatabase } from "../../sql/testing/fresh_database.ts";
import { drainAt, readRollups, type StoredRollup } from "../../sql/testing/history.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";
import { tied } from "../../tests/tied.ts";
import { until } from "../../tests/until.ts";
import { exactJson } from "../../tests/whole/exact.ts";
import {
  difference,
  keyOf,
  ledgerSeconds,
  listedMarkets,
  SAME,
  type Second,
  storedSeconds,
} from "../../tests/whole/seconds.ts";
import { elementSecond, NewestSeconds } from "../../tests/whole/topic.ts";
import { startPlayer } from "./player.ts";
import { record } from "./recorder.ts";
import { readRecording, recordingFiles } from "./recording_reader.ts";
import { RecordingWriter } from "./recording_writer.ts";

/**
 * A simulated exchange with late trades, frames in disorder, frames sent twice and some that cannot be true, recorded for 25 s;
 * then the recording, twice, through ingest, Kafka, persist and PostgreSQL as they run in earnest. What comes out is the same
 * both times, seconds, roll-ups and coverage, and is what the exchange says.
 */

const never = new AbortController().signal;
const RECORDED_MS = 25_000;
const SPEED = 10;
/** A trade may be counted so late; what begins later than this before the end may have been revised after it. */
const SETTLED_MS = 6_000;

let folder: string;
let exchange: ExchangeProcess;
let truth: ReadonlyMap<string, Second>;
/** Seconds of which a frame could not be true: of these an older one may be the newest that is stored, or none. */
const spoilt = new Set<string>();
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stofka-replay-"));
  exchange = await ExchangeProcess.start(
    ...["--markets", "12", "--rate", "20", "--late", "0.2", "--seed", "5"],
  );
  const writer = new RecordingWriter({
    folder,
    name: "simulator",
    exchange: exchange.rest,
    bytesMax: 1e9,
    // so that there are several files
    fileMsMax: 10_000,
  });
  const stop = new AbortController();
  const recording = record({
    wsUrl: exchange.ws,
    restUrl: exchange.rest,
    markets: () => true,
    clock: clock(Date.now, () => performance.now()),
    chance: Math.random,
    newTicket: randomUUID,
    sink: writer,
    say: () => {},
  }, stop.signal);
  await exchange.fault({ kind: "reorder", for_ms: RECORDED_MS, share: 0.2, by_ms: 700 });
  await exchange.fault({ kind: "duplicate", for_ms: RECORDED_MS, share: 0.2, by_ms: 900 });
  await sleep(RECORDED_MS / 3, never);
  await exchange.fault({ kind: "garble", for_ms: RECORDED_MS / 3, share: 0.1, form: "crossed" });
  await sleep(RECORDED_MS * 2 / 3, never);
  stop.abort();
  await recording;
  writer.close();
  truth = await newestOf(folder);
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  exchange?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

test("the recording holds disorder and revisions, in several files that are read as one", async () => {
  expect(recordingFiles(folder).length).toBeGreaterThan(1);
  let candles = 0;
  for (const file of recordingFiles(folder)) {
    for await (const { kind, payload } of readRecording(file)) {
      if (kind === "frame" && payload.includes('"candle.1s"')) candles++;
    }
  }
  expect(truth.size).toBeGreaterThan(100);
  expect(candles).toBeGreaterThan(truth.size * 1.2);
});

test("replayed twice it gives identical tables, those of the exchange's own ledger", async () => {
  const [first, second] = [await replayed(), await replayed()];
  expect(first.origins).toEqual(new Set(["replay"]));
  // row by row; received_at is of the replay, and how many revisions met in one transaction is chance
  expect([...second.rows].map(text)).toEqual([...first.rows].map(text));
  expect(difference(truth, first.rows)).toEqual(SAME);
  expect(spoilt.size).toBeGreaterThan(0);
  const starts = [...truth.values()].map(({ startsAtMs }) => startsAtMs);
  // the first seconds lie before the subscription
  const [sinceMs, untilMs] = [Math.min(...starts) + 3_000, Math.max(...starts) - SETTLED_MS];
  const ledger = await ledgerSeconds(
    exchange.control,
    await listedMarkets(exchange.rest),
    sinceMs,
    untilMs,
  );
  const held = new Map(
    [...first.rows].filter(([key, { startsAtMs }]) =>
      startsAtMs >= sinceMs && startsAtMs < untilMs && !spoilt.has(key)
    ),
  );
  const told = new Map([...ledger].filter(([key]) => !spoilt.has(key)));
  expect(told.size).toBeGreaterThan(50);
  expect(difference(told, held)).toEqual(SAME);

  // every interval, folded at one time of both; the sequence counts rounds, and is no content
  expect(new Set(first.rollups.map(({ interval }) => interval)).size).toBe(11);
  expect(first.rollups.map(content)).toEqual(second.rollups.map(content));
  const minutes = first.rollups.filter(({ interval }) => interval === "1m");
  const markets = new Set([...first.rows.values()].map(({ market }) => market));
  expect(new Set(minutes.map(({ market }) => market))).toEqual(markets);
  // that it was all seen is never said of a time that was only played
  expect(minutes.filter(({ complete }) => complete)).toEqual([]);
  expect(first.covered).toEqual(Object.fromEntries([...markets].sort().map((one) => [one, "{}"])));

  expect(second.covered).toEqual(first.covered);
  expect(first.holes.length).toBeGreaterThan(0);
  expect(second.holes).toEqual(first.holes);
  expect(second.sessions).toEqual(first.sessions);
}, 300_000);

function content({ sequence: _, ...row }: StoredRollup): Omit<StoredRollup, "sequence"> {
  return row;
}

function text([key, second]: [string, Second]): string {
  const { open, high, low, close, volume, turnover, lastTickAtMs } = second;
  return [key, open, high, low, close, volume, turnover, lastTickAtMs].join(" ");
}

/** What a replay leaves. */
interface Replayed {
  readonly rows: ReadonlyMap<string, Second>;
  readonly origins: ReadonlySet<string>;
  readonly rollups: readonly StoredRollup[];
  /** Markets of which something was refused, and why; where, is told in receive times, which are the replay's own. */
  readonly holes: readonly string[];
  /** What is called covered of the time that was recorded, by market. */
  readonly covered: Readonly<Record<string, string>>;
  /** Sessions of the replay itself, without their times: those are of the machine's clock. */
  readonly sessions: readonly unknown[];
}

/** Plays the recording into a namespace of its own, and reads the tables. */
async function replayed(): Promise<Replayed> {
  const { kafka, redis } = testServers();
  const namespace = freshNamespace();
  const admin = new KafkaAdmin({ brokers: [kafka], clientId: "test" }, createLog("test", "error"));
  await admin.connect();
  await admin.ensureTopics(namespace, TOPIC_PLANS);
  const database = await freshDatabase();
  cleanups.push(async () => {
    await database.drop();
    await admin.deleteTopics(namespace, TOPIC_PLANS);
    await admin.close();
  });
  const player = await startPlayer({
    files: recordingFiles(folder),
    speed: SPEED,
    port: 0,
    controlPort: 0,
  });
  const common = { NAMESPACE: namespace, KAFKA_BROKERS: kafka, OPS_PORT: "0", LOG_LEVEL: "warn" };
  const persist = service("persist", {
    ...common,
    POSTGRES_URL: database.url,
    REDIS_URL: redis,
    SECONDS_KEPT_DAYS: "0",
  });
  const ingest = service("ingest", {
    ...common,
    EXCHANGE_KIND: "replay",
    EXCHANGE_WS_URL: player.ws,
    EXCHANGE_REST_URL: player.rest,
  });
  try {
    await until("the recording is played", 60_000, () => player.status().done);
    const status = await (await fetch(`${player.control}/status`)).json();
    expect(status).toMatchObject({ kind: "recording", done: true });
    const sql = database.as(null, 1);
    const read = () => storedSeconds(sql, 0, 4e12);
    let rows = await read();
    await until("every second is stored as recorded", 20_000, async () => {
      rows = await read();
      return JSON.stringify(difference(truth, rows)) === JSON.stringify(SAME);
    }, { everyMs: 500 }).catch(() => {}); // the comparison says what differs
    await ended(ingest);
    await until("its last marks are stored", 20_000, async () => {
      const [row] = await sql`SELECT bool_and(ended) AS ended FROM coverage_session`;
      return row!["ended"] === true;
    });
    const starts = [...truth.values()].map(({ startsAtMs }) => startsAtMs);
    const span = [Math.min(...starts), Math.max(...starts) + 1_000].map((ms) =>
      new Date(ms).toISOString()
    );
    // the day on which every bucket is over, a month's too
    await drainAt(sql, new Date(Math.max(...starts) + 40 * 86_400_000).toISOString());
    const holes = await sql`SELECT DISTINCT market, cause FROM coverage_hole ORDER BY 1, 2`;
    const covered = await sql`
      SELECT m.market, covered(m.market, ${span[0]!}::text::timestamptz, ${span[
      1
    ]!}::text::timestamptz)::text AS covered
      FROM (SELECT DISTINCT market FROM market_candle_1s) m ORDER BY 1`;
    return {
      rows: new Map([...rows].sort(([a], [b]) => a < b ? -1 : 1)),
      origins: new Set([...rows.values()].map(({ origin }) => origin)),
      rollups: await readRollups(sql),
      holes: holes.map(({ market, cause }) => `${market} ${cause}`),
      covered: Object.fromEntries(
        covered.map(({ market, covered }) => [market as string, covered as string]),
      ),
      sessions: [
        ...await sql`SELECT partition, markets, cause, ended, ended_by, since < until AS lasted
          FROM coverage_session ORDER BY since, partition`,
      ],
    };
  } finally {
    await Promise.all([ingest, persist].map(ended));
    await player.close();
  }
}

function service(name: string, env: Readonly<Record<string, string>>): ChildProcess {
  const main = new URL(`../../services/${name}/main.ts`, import.meta.url).pathname;
  return tied(spawn(process.execPath, [main], { env, stdio: ["ignore", "ignore", "inherit"] }));
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exited;
}

/** The newest revision of each second among the recorded frames, read by code of the tests' own. */
async function newestOf(path: string): Promise<ReadonlyMap<string, Second>> {
  const newest = new NewestSeconds();
  for (const file of recordingFiles(path)) {
    for await (const { kind, payload } of readRecording(file)) {
      if (kind !== "frame" || !payload.includes('"candle.1s"')) continue;
      const element = exactJson(payload.toString()) as Record<string, string>;
      if (element["type"] !== "candle.1s") continue;
      const second = elementSecond(element);
      if (Number(second.high) < Number(second.low)) spoilt.add(keyOf(second));
      else newest.add(second);
    }
  }
  return newest.seconds;
}
