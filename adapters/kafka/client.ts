import { createRequire } from "node:module";
import type { Kafka, LogEntry } from "kafkajs";
import type { Log } from "../log.ts";
import { speedUpEncoding } from "./fast_encoding.ts";
import { guardHalfOpen } from "./half_open_guard.ts";
import { guardRequestQueue } from "./request_queue_guard.ts";

export interface KafkaSettings {
  /** `host:port` of any brokers of the cluster. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Absent on loopback; a cluster on machines of its own has both. */
  readonly security?: {
    readonly ca: string;
    readonly username: string;
    readonly password: string;
  };
}

/** Retries of one request inside kafkajs. Far more than an outage needs: whoever waits has a signal to give up by. */
const RETRIES_MAX = 1_000_000;

/** The one place where kafkajs is set up; everything else meets it through the modules of this folder. */
export function kafkaClient(settings: KafkaSettings, log: Log): Kafka {
  const kafkajs = loadKafkajs();
  const { security } = settings;
  return new kafkajs.Kafka({
    clientId: settings.clientId,
    brokers: [...settings.brokers],
    connectionTimeout: 3_000,
    requestTimeout: 15_000,
    retry: {
      initialRetryTime: 100,
      maxRetryTime: 2_000,
      factor: 0.3,
      multiplier: 2,
      retries: RETRIES_MAX,
    },
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => forward(entry, kafkajs, log),
    ...(security === undefined ? {} : {
      ssl: { ca: [security.ca] },
      sasl: {
        mechanism: "scram-sha-512",
        username: security.username,
        password: security.password,
      },
    }),
  });
}

/** As CommonJS and here, not by an import: what is replaced in it must be so before it is loaded. */
function loadKafkajs(): typeof import("kafkajs") {
  speedUpEncoding();
  guardRequestQueue();
  guardHalfOpen();
  return createRequire(import.meta.url)("kafkajs") as typeof import("kafkajs");
}

function forward(
  { namespace, level, log: line }: LogEntry,
  kafkajs: typeof import("kafkajs"),
  log: Log,
): void {
  const { message, timestamp: _, logger: __, ...details } = line;
  // a broker that is away is reported by kafkajs as an error on each attempt; it is ours to judge when that is one
  const method = level === kafkajs.logLevel.ERROR ? "warn" : "debug";
  log[method]({ event: "kafkajs", namespace, ...details, stack: undefined }, message);
}
