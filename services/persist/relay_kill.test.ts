import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { readWholeTopic } from "#adapters/kafka/compacted.ts";
import { createLog } from "#adapters/log.ts";
import type { Database } from "#adapters/postgres.ts";
import {
  decodePostgresCandleEvent,
  type PostgresCandleEvent,
} from "#core/event/postgres_candle_event.ts";
import { topicName } from "#core/namespace.ts";
import { newer, rollupRevision } from "#core/revision.ts";
import { TOPIC_PLANS, TOPICS } from "#core/topics.ts";
import { type FreshDatabase, freshDatabase } from "../../sql/testing/fresh_database.ts";
import { drainAt, makeDays, writeSeconds } from "../../sql/testing/history.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";
import { tied } from "../../tests/tied.ts";
import { until } from "../../tests/until.ts";
import { ROWS_MAX } from "./relay.ts";
import { RELAY_STEPS, type RelayStep } from "./testing/relay_process.ts";

const log = createLog("test", "error");
const namespace = freshNamespace();
const topic = topicName(namespace, TOPICS.postgresCandle);
const kafka = { brokers: [testServers().kafka], clientId: "test" };
const never = new AbortController().signal;
const admin = new KafkaAdmin(kafka, log);
let fresh: FreshDatabase;
let sql: Database;

beforeAll(async () => {
  await admin.connect();
  await admin.ensureTopics(namespace, TOPIC_PLANS);
  fresh = await freshDatabase();
  sql = fresh.as("stofka_owner", 2);
  await makeDays(sql, ["2024-05-21"]);
});
afterAll(async () => {
  await admin.deleteTopics(namespace, TOPIC_PLANS);
  await admin.close();
  await fresh?.drop();
});

/** A minute of forty markets, over all partitions, and a second more in the one before: rows that were sent get newer ones. */
async function trade(turn: number): Promise<void> {
  const minutes = [...new Set([turn, Math.max(0, turn - 1)])];
  await writeSeconds(
    sql,
    Array.from({ length: 40 }, (_, n) =>
      minutes.map((minute) => ({
        market: `KRW-M${n}`,
        at: `2024-05-21T10:0${minute}:1${turn}Z`,
        price: String(turn + 1),
      }))).flat(),
  );
  await drainAt(sql, "2024-05-22T00:00:00Z");
}

interface Process {
  readonly exited: Promise<string | number>;
  readonly said: () => string;
  kill(): void;
}

function relayThatDies(step: RelayStep): Process {
  const postgres = new URL(fresh.url);
  postgres.searchParams.set("role", "stofka_persist");
  const child = tied(
    spawn(process.execPath, [new URL("testing/relay_process.ts", import.meta.url).pathname], {
      env: {
        NAMESPACE: namespace,
        KAFKA_BROKERS: testServers().kafka,
        POSTGRES_URL: postgres.href,
        STEP: step,
      },
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
  let said = "";
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (part) => said += part);
  return {
    exited: once(child, "exit").then(([code, signal]) => signal ?? code),
    said: () => said,
    kill: () => child.kill("SIGKILL"),
  };
}

/** What is still to be sent, all of it and with one send, and how many records there are. */
async function state() {
  const unsent = async (rowsMax: number): Promise<number> => {
    const rows = await sql`SELECT market FROM rollup_unsent(${rowsMax})`;
    return rows.filter((row) => row["market"] !== null).length;
  };
  const [cursor] = await sql`SELECT timeline, sequence FROM relay_cursor`;
  const ends = await admin.endOffsets(topic);
  return {
    cursor,
    unsent: await unsent(1_000_000),
    batch: await unsent(ROWS_MAX),
    records: [...ends.values()].reduce((sum, end) => sum + Number(end), 0),
  };
}

const keyOf = ({ market, interval, startsAtMs }: PostgresCandleEvent): string =>
  `${market} ${interval} ${startsAtMs}`;

/** The state of a reader that has read everything and applied revisions, in the order of each partition. */
async function readerState(): Promise<ReadonlyMap<string, PostgresCandleEvent>> {
  const newest = new Map<string, PostgresCandleEvent>();
  await readWholeTopic({
    settings: kafka,
    log,
    groupPrefix: `${namespace}reader`,
    topic,
    handle: ({ records }) => {
      for (const { value } of records) {
        const event = decodePostgresCandleEvent(String(value));
        const held = newest.get(keyOf(event));
        if (held === undefined || newer(event.revision, held.revision)) {
          newest.set(keyOf(event), event);
        }
      }
      return Promise.resolve();
    },
    chance: () => 0,
  }, never);
  return newest;
}

test(
  "the relay is killed at each step: who applies revisions ends with exactly the table",
  async () => {
    /** Rows that were in the topic when their process died and the cursor was not behind them. */
    let again = 0;
    for (const [turn, step] of RELAY_STEPS.entries()) {
      await trade(turn);
      const before = await state();
      expect(before.unsent, step).toBeGreaterThanOrEqual(440);
      const process = relayThatDies(step);
      if (step === "never") {
        await until("all is sent", 20_000, async () => (await state()).unsent === 0, {
          told: process.said,
        });
        process.kill();
      }
      expect(await process.exited, process.said()).toBe("SIGKILL");
      const after = await state();
      const written = after.records - before.records;
      if (step === "never") {
        // everything that was left, the rows of all turns in their newest revision, and no more
        expect(written).toBe(before.unsent);
        continue;
      }
      expect({ ...after, records: before.records }, step).toEqual(before);
      if (step === "before the send") expect(written, step).toBe(0);
      if (step === "in the middle of the send") {
        expect(written, step).toBe(Math.ceil(before.batch / 2));
      }
      if (step === "after the acknowledgement" || step === "before the commit") {
        expect(written, step).toBe(before.batch);
      }
      again += written;
    }
    expect(again).toBeGreaterThan(300);

    const rows = await sql`SELECT * FROM market_candle`;
    const reader = await readerState();
    expect(reader.size).toBe(rows.length);
    for (const row of rows) {
      const startsAtMs = (row["starts_at"] as Date).getTime();
      const event = reader.get(`${row["market"]} ${row["interval"]} ${startsAtMs}`);
      expect(event).toMatchObject({
        open: row["open"],
        high: row["high"],
        low: row["low"],
        close: row["close"],
        volume: row["volume"],
        turnover: row["turnover"],
        complete: row["complete"],
        deleted: row["deleted"],
        source: row["source"],
        lastTickAtMs: (row["last_tick_at"] as Date).getTime(),
        untilMs: (row["until"] as Date).getTime(),
        revision: rollupRevision(row["timeline"] as number, Number(row["sequence"])),
      });
    }
  },
  180_000,
);
