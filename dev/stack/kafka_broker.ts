import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Job, Part } from "./part.ts";

const LOG4J = fileURLToPath(new URL("./kafka_log4j2.properties", import.meta.url));

/** Small and quick to start: up in 3.4–6.4 s against 10–12 s with the broker's own settings, at 310–350 MB. */
const JVM = ["-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-Xshare:auto"];

/** For what ends at once. The broker has both compilers: at 400 records/s that takes 29 % of a core instead of 45 %. */
const SHORT_LIVED_JVM = ["-XX:TieredStopAtLevel=1"];

export interface KafkaOptions {
  readonly java: string;
  /** Folder of the broker's jars: kafka_jars.ts. */
  readonly jars: string;
  readonly folder: string;
  readonly port: number;
  readonly controllerPort: number;
}

export function kafkaBrokers({ port }: Pick<KafkaOptions, "port">): string {
  return `127.0.0.1:${port}`;
}

/** Writes the settings, and formats the storage where that was not done yet. Throws what `run` throws. */
export async function initKafka(
  options: KafkaOptions,
  run: (job: Job) => Promise<void>,
): Promise<"made" | "found"> {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  writeFileSync(settingsFile(options), kafkaSettings(options), { mode: 0o600 });
  chmodSync(settingsFile(options), 0o600);
  if (existsSync(join(options.folder, "data", "meta.properties"))) return "found";
  const clusterId = Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url");
  await run({
    name: "kafka-format",
    command: options.java,
    args: [
      ...SHORT_LIVED_JVM,
      ...jvmArgs(options),
      "kafka.tools.StorageTool",
      "format",
      "--standalone",
      // one word: an id that begins with a hyphen, one in 64, would be read as another option
      `--cluster-id=${clusterId}`,
      "--config",
      settingsFile(options),
    ],
    cwd: options.folder,
  });
  return "made";
}

export function kafkaPart(options: KafkaOptions): Part {
  return {
    name: "kafka",
    command: options.java,
    args: [...jvmArgs(options), "kafka.Kafka", settingsFile(options)],
    cwd: options.folder,
    stopSignal: "SIGTERM",
    ready: () => kafkaReady(options.port),
  };
}

/**
 * One node that is broker and controller, on loopback alone. Topics are made by name from core/topics.ts and nowhere else: a
 * misspelt name is an error, not a new topic. Topics bound themselves; the defaults here bound what others might make.
 */
export function kafkaSettings({ folder, port, controllerPort }: KafkaOptions): string {
  const settings: Readonly<Record<string, string | number | boolean>> = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.bootstrap.servers": `127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners":
      `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "log.dirs": join(folder, "data"),
    "auto.create.topics.enable": false,
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 6,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 6,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    "log.retention.hours": 48,
    "log.retention.bytes": 512 * 1024 * 1024,
    // how far a topic may be beyond its bytes: what comes in a minute
    "log.retention.check.interval.ms": 60_000,
    "log.segment.bytes": 64 * 1024 * 1024,
    "metadata.log.segment.bytes": 16 * 1024 * 1024,
    "metadata.max.retention.bytes": 64 * 1024 * 1024,
    "metadata.log.max.record.bytes.between.snapshots": 8 * 1024 * 1024,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 2,
    // A clean end within the stack's own 10 s, without waiting for other brokers: there are none.
    "controlled.shutdown.enable": false,
  };
  return Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join("");
}

function settingsFile({ folder }: KafkaOptions): string {
  return join(folder, "server.properties");
}

function jvmArgs({ jars, folder }: KafkaOptions): string[] {
  const classPath = readdirSync(jars).filter((name) => name.endsWith(".jar")).sort()
    .map((name) => join(jars, name)).join(":");
  return [
    ...JVM,
    `-Dlog4j2.configurationFile=${LOG4J}`,
    "-Djava.awt.headless=true",
    `-XX:ErrorFile=${join(folder, "crash.log")}`,
    "-cp",
    classPath,
  ];
}

/** The port listens before the broker serves: ask for the API versions, as every client does first. */
export function kafkaReady(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(2000, () => fail(new Error(`127.0.0.1:${port} does not answer`)));
    socket.once("error", fail);
    socket.once("close", () => reject(new Error(`127.0.0.1:${port} closed the connection`)));
    socket.once("connect", () => socket.write(API_VERSIONS_REQUEST));
    socket.once("data", () => {
      resolve();
      socket.destroy();
    });
  });
}

/** Length 10; ApiVersions (18) version 0; correlation 1; no client id. */
const API_VERSIONS_REQUEST = Uint8Array.of(0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255);
