import kafkajs from "kafkajs";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Namespace } from "#core/namespace.ts";
import { topicName } from "#core/namespace.ts";
import { TOPIC_PLANS } from "#core/topics.ts";
import { readKept } from "../../dev/stack/data_folder.ts";
import { diskShares, topicPlansWithin } from "../../dev/stack/disk_budget.ts";
import { choosePorts } from "../../dev/stack/ports.ts";
import { findPrograms } from "../../dev/stack/programs.ts";
import { makeSecrets } from "../../dev/stack/secrets.ts";
import { postgresHome } from "../../dev/stack/server_user.ts";
import { SERVER_PARTS, SERVER_PORTS, startServers } from "../../dev/stack/servers.ts";
import { Supervisor } from "../../dev/stack/supervisor.ts";
import { appliedMigrations, migrate, readMigrations } from "../../sql/migrator.ts";
import { ensureRoles } from "../../sql/roles.ts";
import { testServers } from "../servers.ts";
import { CHECKOUT, Stack } from "./stack.ts";
import { kafkaOf } from "./topic.ts";

/**
 * Today's stack on what an early one left: a folder with its first migration alone, topics with other settings and some
 * missing, a seconds' day with rows, fewer ports and passwords kept, and the files of a start that was killed.
 */

const NAMESPACE = "simulated." as Namespace;
const DATABASE = "stofka_simulated";
/** Kept by the default of seven days, whenever this runs. */
const DAY = new Date(Date.now() - 2 * 86_400_000).toISOString().slice(0, 10);
const SECRETS = makeSecrets();
const TOPIC = topicName(NAMESPACE, "market_candle_1s");
/** As an early version had them; and one that today's plan does not name. */
const OLD_SETTINGS = {
  "retention.ms": "3600000",
  "segment.bytes": "1048576",
  "cleanup.policy": "delete",
  "max.message.bytes": "2000000",
};

let folder: string;
let stack: Stack;

/** Servers as the stack starts them, on the folder, for the early version's work. */
async function asEarly(work: (servers: { kafka: string; postgres: string }) => Promise<void>) {
  const supervisor = new Supervisor({
    folder,
    environment: { PATH: process.env["PATH"], HOME: homedir() },
    onEnd: () => {},
  });
  const { postgresBin, redis, java } = findPrograms(process.env);
  const ports = await choosePorts(SERVER_PORTS, {});
  const home = postgresHome(folder, undefined, process.getuid!());
  try {
    const { kafka, postgresOwner } = await startServers(
      {
        folder,
        ports,
        secrets: SECRETS,
        programs: {
          postgresBin: postgresBin!,
          redis: redis!,
          java: java!,
          kafkaJars: () => Promise.resolve(testServers().kafkaHome),
        },
        database: DATABASE,
        postgres: home,
      },
      supervisor,
      (_, step) => step(),
    );
    await work({ kafka, postgres: postgresOwner });
  } finally {
    await supervisor.end([{ names: SERVER_PARTS, graceMs: 5_000 }]);
  }
  const { postgresRepair: _, ...secrets } = SECRETS;
  writeFileSync(
    join(folder, "stofka.json"),
    JSON.stringify({
      format: 1,
      exchange: { kind: "simulator" },
      ports,
      secrets,
      ...(home.user.kind === "postgres" ? { postgresFolder: home.folder } : {}),
    }),
  );
  // of a start that was killed: a process that is no more
  mkdirSync(join(folder, "run"), { recursive: true });
  writeFileSync(join(folder, "run", "supervisor.pid"), "999999 1\n");
  writeFileSync(join(folder, "stack.json"), JSON.stringify({ page: "http://127.0.0.1:1" }));
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stofka-whole-"));
  const migrations = await readMigrations(join(CHECKOUT, "sql"));
  await asEarly(async (servers) => {
    const database = postgres(servers.postgres, { max: 1, onnotice: () => {} });
    await ensureRoles(database as never, (name) =>
      ({
        STOFKA_PERSIST_PASSWORD: SECRETS.postgresPersist,
        STOFKA_STREAM_PASSWORD: SECRETS.postgresStream,
        STOFKA_REPAIR_PASSWORD: SECRETS.postgresRepair,
      })[name]);
    await migrate(database as never, migrations.slice(0, 1));
    await database`SELECT ensure_seconds_day(${DAY}::date)`;
    await database`
      INSERT INTO market_candle_1s (market, starts_at, last_tick_at, received_at, correction_ms,
        origin, revisions, deleted, open, high, low, close, volume, turnover)
      SELECT 'KRW-BTC', at, at, at, 0, 'websocket', 0, false, 1, 3, 1, 2, 0.12345678901234567890, 7
      FROM generate_series(${`${DAY} 12:00Z`}::timestamptz, ${`${DAY} 12:09:59Z`}::timestamptz, '1 s') AS at`;
    await database.end();
    const kafka = kafkaOf(servers.kafka);
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({
      topics: [{
        topic: TOPIC,
        numPartitions: 12,
        replicationFactor: 1,
        configEntries: Object.entries(OLD_SETTINGS).map(([name, value]) => ({ name, value })),
      }],
      waitForLeaders: true,
    });
    await admin.disconnect();
    const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({ topic: TOPIC, messages: [{ key: "KRW-OLD", value: "{}" }] });
    await producer.disconnect();
  });
  stack = await Stack.start("bootstrap", [], folder);
}, 300_000);

afterAll(async () => {
  expect(await stack?.stop()).toEqual([]);
});

test("it starts with the exchange that the folder keeps, and everything becomes ready", async () => {
  expect(stack.output).toContain("exchange: simulator (SIMULATED: invented prices), as before");
  expect(await stack.ready()).toBe(true);
});

test("migrations beyond the first were applied, and its rows are there and can be folded", async () => {
  const migrations = await readMigrations(join(CHECKOUT, "sql"));
  expect((await appliedMigrations(stack.database as never)).map(({ number }) => number))
    .toEqual(migrations.map(({ number }) => number));
  const [row] = await stack.database`
    SELECT count(*)::int AS rows, sum(volume)::text AS volume FROM market_candle_1s
    WHERE market = 'KRW-BTC' AND starts_at < ${`${DAY} 13:00Z`}::timestamptz`;
  expect(row).toEqual({ rows: 600, volume: "74.07407340740740734000" });
  const [page] = await Promise.all([
    fetch(
      `${stack.file.page}/api/candles?market=KRW-BTC&interval=1s&to=${
        Date.parse(`${DAY}T12:10:00Z`)
      }&count=10`,
    ).then((answer) => answer.text()),
  ]);
  expect(page).toContain("0.1234567890123456789");
});

test("every topic has today's settings within the disk budget that the folder got now, and no other", async () => {
  const kafka = kafkaOf(stack.file.kafka);
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: TOPIC_PLANS.map(({ topic }) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: topicName(NAMESPACE, topic),
      })),
    });
    const TOPIC_CONFIG = 1; // DescribeConfigs' source of what is set on the topic itself
    const found = Object.fromEntries(
      resources.map(({ resourceName, configEntries }) => [
        resourceName,
        Object.fromEntries(
          configEntries.filter(({ configSource }) => configSource === TOPIC_CONFIG)
            .map(({ configName, configValue }) => [configName, configValue]),
        ),
      ]),
    );
    const { diskBudgetBytes } = readKept(stack.folder)!;
    const plans = topicPlansWithin(diskShares(diskBudgetBytes!).kafkaBytes);
    expect(found).toEqual(Object.fromEntries(
      plans.map(({ topic, settings }) => [topicName(NAMESPACE, topic), settings]),
    ));
  } finally {
    await admin.disconnect();
  }
});

test("what the topic held is held still: the record that nobody can read is a dead letter", async () => {
  const admin = kafkaOf(stack.file.kafka).admin();
  await admin.connect();
  try {
    const letters = await admin.fetchTopicOffsets(topicName(NAMESPACE, "market_dead_letter"));
    expect(Number(letters[0]!.high)).toBeGreaterThanOrEqual(1);
  } finally {
    await admin.disconnect();
  }
});
