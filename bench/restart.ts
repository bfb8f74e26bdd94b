import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { KafkaProducer, type ProducerRecord } from "#adapters/kafka/producer.ts";
import { createLog } from "#adapters/log.ts";
import { market } from "#core/market.ts";
import { partitionOf } from "#core/partition.ts";
import { TOPICS } from "#core/topics.ts";
import { FrameBatch, marketNames } from "./load_frames.ts";
import { metric, wantsHelp, withProduct } from "./product.ts";

wantsHelp(
  `How long a fresh stream takes until it is ready, with many tickers in their topic and an empty Redis, as after npm run stop.

  --tickers N    in the topic (default 500000)
  --node         services on Node instead of Deno`,
);

const { values } = parseArgs({
  options: {
    tickers: { type: "string", default: "500000" },
    node: { type: "boolean", default: false },
  },
});
const BATCH = 4_000;
const MARKETS = marketNames(855);
/** A frame's WebSocket header. */
const HEADER_BYTES = 4;

await withProduct(
  { node: values.node, load: ["--mix", "second", "--rate", "20"] },
  async (stack) => {
    const { kafka, topics, redis: redisUrl } = stack.file;
    const brokers = String(kafka).split(",");
    const producer = new KafkaProducer({ brokers, clientId: "bench" }, createLog("bench", "error"));
    const stop = new AbortController();
    const frames = new FrameBatch(MARKETS, Date.now());
    for (let sent = 0; sent < Number(values.tickers); sent += BATCH) {
      const nowMs = Date.now();
      const headers = { origin: "websocket", received_at: String(nowMs), frame: "bench" };
      const records = Array.from({ length: BATCH }, (_, at): ProducerRecord => {
        const key = MARKETS[(sent + at) % MARKETS.length]!;
        const value = frames.tickers(1, nowMs).subarray(HEADER_BYTES);
        return {
          topic: topics[TOPICS.ticker]!,
          partition: partitionOf(market(key)),
          key,
          value,
          headers,
        };
      });
      await producer.send(records, stop.signal);
    }
    await producer.close();
    // else persist would fill Redis again
    while (await metric(stack, "persist", "stofka_persist_lag_records") > 100) await sleep(1_000);
    const redis = new Redis(redisUrl);
    await redis.flushall();
    redis.disconnect();
    const before = stack.pid("stream")!;
    const killedAtMs = stack.kill("stream");
    const readyAtMs = await stack.recovered("stream", before, 120_000);
    const lines = readFileSync(stack.file.processes["stream"]!.log, "utf8").split("\n")
      .filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    const last = (event: string) => lines.findLast((line) => line.event === event);
    const begins = last("replica_begins");
    const loaded = last("loaded");
    console.log(
      `stream killed → all ready again: ${
        readyAtMs - killedAtMs
      } ms; ${begins.records} records read in ${
        Date.parse(loaded.time) - Date.parse(begins.time)
      } ms${begins.snapshot ? " (with a snapshot from Redis)" : ""}`,
    );
  },
);
