import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import type { ConsumedBatch } from "#adapters/kafka/records.ts";
import { createLog } from "#adapters/log.ts";
import { market } from "#core/market.ts";
import { type Namespace, topicName } from "#core/namespace.ts";
import { TOPICS } from "#core/topics.ts";
import { acknowledged } from "./ingest/acknowledged.ts";
import { Collector } from "./ingest/collector.ts";
import { frameIds } from "./ingest/frame_id.ts";
import { ingestMetrics } from "./ingest/metrics.ts";
import { OutboxQueue } from "./ingest/outbox_queue.ts";
import { RecordMaker } from "./ingest/records.ts";
import { PersistMetrics } from "./persist/metrics.ts";
import { readBatch } from "./persist/read_batch.ts";
import { traced } from "./persist/trace.ts";
import { Intake } from "./stream/kafka/intake.ts";
import type { ReplicaTopic } from "./stream/kafka/replica_topics.ts";
import { Positions } from "./stream/kafka/positions.ts";
import { streamMetrics } from "./stream/metrics.ts";
import { Hub } from "./stream/sse/hub.ts";
import { subscription } from "./stream/sse/subscription.ts";
import { Board } from "./stream/state/board.ts";
import { FakeWire } from "./stream/testing/fake_wire.ts";
import { Trace } from "./stream/trace.ts";

const NOW_MS = Date.parse("2026-11-22T04:28:06.007Z");
const CANDLE =
  '{"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"2026-11-22T04:28:05","opening_price":1.0,"high_price":1.0,"low_price":1.0,"trade_price":1.0,"candle_acc_trade_volume":0.5,"candle_acc_trade_price":0.5,"timestamp":1795321685824,"stream_type":"REALTIME"}';

/** One frame through the code of all three services, with the topics between them in the test's hands. */
function follow(level: "debug" | "info"): readonly Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = [];
  const logOf = (service: string) =>
    createLog(service, level, { write: (line) => void lines.push(JSON.parse(line)) });
  const nowMs = (): number => NOW_MS;

  const metrics = ingestMetrics(new Registry());
  const queue = new OutboxQueue<ProducerRecord>({
    recordsMax: 10,
    bytesMax: 1e6,
    marksMax: 100,
    batchRecordsMax: 10,
    batchBytesMax: 1e6,
  });
  const collector = new Collector({
    clock: { nowMs, steadyMs: nowMs },
    outbox: {
      put: (record) => queue.putElement(record, record.value?.length ?? 0),
      putMarks: (records) => queue.putMarks(records),
      queue,
    },
    records: new RecordMaker("" as Namespace, "websocket"),
    metrics,
    log: logOf("ingest"),
    newTicket: () => "ticket",
    nextFrameId: frameIds("3f9c1a"),
  });
  collector.setMarkets({ list: new Map([[market("KRW-BTC"), "{}"]]), all: new Set() });
  collector.handle({ kind: "frame", atMs: NOW_MS, bytes: Buffer.from(CANDLE) });
  const sent = queue.take()!.items;
  acknowledged({ metrics, log: logOf("ingest"), nowMs })(sent, 2);

  const record = sent.find(({ topic }) => topic === TOPICS.secondCandle);
  const batch: ConsumedBatch = {
    topic: record!.topic,
    partition: record!.partition,
    highWatermark: 1n,
    records: [{
      ...record!,
      offset: 0n,
      timestampMs: NOW_MS,
      value: Buffer.from(record!.value as Uint8Array),
    }],
  };
  const work = readBatch("second", batch, { sinceMs: 0, untilMs: Infinity });
  const { observe } = new PersistMetrics(new Registry(), nowMs);
  traced(observe, logOf("persist"))
    .stored(work, { effective: 1, revised: 0, equal: 0, older: 0, refusals: [] });

  const trace = new Trace(logOf("stream"));
  const jobs: (() => void)[] = [];
  const limit = 1_000;
  const { hub: meter, intake } = streamMetrics(new Registry());
  const hub = new Hub({
    clientsMax: limit,
    clientsPerAddressMax: limit,
    unsentBytesMax: limit,
    behindMsMax: limit,
    mailboxEntriesMax: limit,
    tailBytesMax: limit,
    tickMsMin: 0,
    tickMsMax: 0,
    heartbeatMs: limit,
  }, {
    now: nowMs,
    monotonicMs: nowMs,
    later: (run) => void jobs.push(run),
    chance: () => 0,
    tail: () => "",
    meter,
    written: (event) => trace.sent(event),
  });
  hub.open();
  hub.join(new FakeWire(), "a", subscription("all", null));
  jobs.splice(0).forEach((run) => run());
  const positions = new Positions();
  positions.begin(TOPICS.secondCandle, batch.partition, 0n, 1n);
  new Intake({
    board: new Board({ tailRowsMax: 1_200, partitions: 12 }),
    positions,
    publish: (event, record) => {
      trace.published(event, record);
      hub.publish(event);
    },
    meter: intake,
    logical: (topic) => topic as ReplicaTopic,
  }).take({ ...batch, topic: topicName("" as Namespace, TOPICS.secondCandle) });
  jobs.splice(0).forEach((run) => run());
  return lines;
}

test("one id follows a frame from the exchange's socket to the readers' streams", () => {
  const steps = follow("debug").filter(({ frame }) => frame === "3f9c1a-1");
  expect(steps.map(({ service, event }) => `${service} ${event}`)).toEqual([
    "ingest frame_received",
    "ingest frame_acknowledged",
    "persist frame_stored",
    "stream frame_published",
    "stream frame_sent",
  ]);
});

test("at level info a frame leaves no line", () => {
  expect(follow("info").filter(({ frame }) => frame !== undefined)).toEqual([]);
});

test("docs/logs.md names every event, and none that is not there", () => {
  const root = new URL("..", import.meta.url).pathname;
  const sources = ["adapters", "services"].flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !/\.test\.ts$|testing\//.test(file))
      .map((file) => readFileSync(`${root}${folder}/${file}`, "utf8"))
  );
  const written = new Set(
    sources.flatMap((source) =>
      [...source.matchAll(/\bevent: "([a-z_]+)"/g)].map(([, name]) => name!)
    ),
  );
  // these take the code of the failure
  for (const name of ["frame_unreadable", "frame_unknown"]) written.add(name);
  const text = readFileSync(`${root}docs/logs.md`, "utf8");
  expect([...written].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  const table = text.slice(text.indexOf("## Events")).split("\n").map((line) => line.split("|")[1]);
  const listed = table.flatMap((cell) => [...(cell ?? "").matchAll(/`([a-z_]+)`/g)])
    .map(([, name]) => name!).filter((name) => name !== "cause");
  expect(listed.length).toBeGreaterThan(30);
  expect(listed.filter((name) => !written.has(name))).toEqual([]);
});
