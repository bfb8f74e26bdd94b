import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { afterAll, expect, test } from "vitest";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { createLog } from "#adapters/log.ts";
import { sleep } from "#core/lifecycle.ts";
import type { Namespace } from "#core/namespace.ts";
import { TOPIC_PLANS } from "#core/topics.ts";
import { tied } from "../../tests/tied.ts";
import { until } from "../../tests/until.ts";
import { ExchangeProcess } from "./testing/exchange_process.ts";
import { KafkaProcess } from "./testing/kafka_process.ts";

/**
 * Kafka away at the exchange's full load, in less time: the frames come faster. The service as a process with its own limits:
 * what it holds is bounded, the rest is dropped and no longer covered.
 *
 * Measured with the frames of ten minutes (178,857 at 300 a second, in 150 s, on two busy cores, Node) and the buffer as it ships
 * (60,000 records): 128,920 dropped, memory 127 MiB before and at most 234 MiB. From the moment the buffer is full memory stays
 * where it is, so here a fifth of the buffer, and frames until a quarter more than it holds came.
 */

const OUTBOX_RECORDS = 12_000;
const FRAMES = 15_000;
/** What the runtime makes of so many small objects, and the process itself. */
const RSS_MIB_MAX = 250;

const never = new AbortController().signal;
const cleanups: (() => unknown)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

test(
  "more frames than the buffer holds, without Kafka: memory stays below its limit, the rest is no longer covered, and it comes back",
  async () => {
    const [kafka, exchange] = await Promise.all([
      KafkaProcess.start(),
      ExchangeProcess.start("--markets", "289", "--rate", "60", "--seed", "7"),
    ]);
    cleanups.push(() => exchange.stop(), () => kafka.remove());
    const admin = new KafkaAdmin(
      { brokers: kafka.brokers, clientId: "test" },
      createLog("test", "error"),
    );
    await admin.connect();
    await admin.ensureTopics("" as Namespace, TOPIC_PLANS);
    await admin.close();
    const opsPort = await freePort();
    const main = new URL("main.ts", import.meta.url).pathname;
    const child = tied(spawn(process.execPath, [main], {
      env: {
        NAMESPACE: "",
        KAFKA_BROKERS: kafka.brokers.join(),
        EXCHANGE_KIND: "simulator",
        EXCHANGE_WS_URL: exchange.ws,
        EXCHANGE_REST_URL: exchange.rest,
        OUTBOX_RECORDS: String(OUTBOX_RECORDS),
        OPS_PORT: String(opsPort),
        LOG_LEVEL: "error",
      },
      stdio: "ignore",
    }));
    cleanups.push(() => child.kill("SIGKILL"));
    const ops = `http://127.0.0.1:${opsPort}`;
    const ready = () => fetch(`${ops}/readyz`).then(({ ok }) => ok, () => false);
    const metric = async (name: string) => {
      const text = await (await fetch(`${ops}/metrics`)).text();
      return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, "gm"))]
        .reduce((sum, [, value]) => sum + Number(value), 0);
    };
    await until("it collects", 40_000, ready);
    await sleep(3_000, never);
    const before = rssMib(child.pid!);
    const framesBefore = await metric("stofka_ingest_frames_total");

    await kafka.kill();
    const awayAtMs = performance.now();
    let rssMax = before;
    let frames = 0;
    while (frames < FRAMES && performance.now() - awayAtMs < 300_000) {
      await sleep(1_000, never);
      rssMax = Math.max(rssMax, rssMib(child.pid!));
      frames = await metric("stofka_ingest_frames_total") - framesBefore;
    }
    const awayS = (performance.now() - awayAtMs) / 1_000;
    const dropped = await metric("stofka_ingest_dropped_total");
    expect(await ready()).toBe(false);
    await kafka.restart();
    const backAtMs = performance.now();
    await until("it collects again", 40_000, ready);
    console.log(
      `Kafka away for ${
        awayS.toFixed(0)
      } s: ${frames} frames came, ${dropped} dropped; memory ${before} MiB before, ` +
        `at most ${rssMax} MiB; collecting ${
          ((performance.now() - backAtMs) / 1_000).toFixed(1)
        } s after Kafka was back`,
    );
    expect(frames).toBeGreaterThanOrEqual(FRAMES);
    expect(dropped).toBeGreaterThan(FRAMES / 10);
    expect(rssMax).toBeLessThan(RSS_MIB_MAX);
  },
  600_000,
);

function rssMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return Math.round(Number(kib) / 1024);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
