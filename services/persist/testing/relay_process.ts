import process from "node:process";
import { KafkaProducer, type ProducerRecord } from "#adapters/kafka/producer.ts";
import { createLog } from "#adapters/log.ts";
import { postgresClient } from "#adapters/postgres.ts";
import { parsed, readSettings, text } from "#core/config.ts";
import { namespace } from "#core/namespace.ts";
import { relay } from "../relay.ts";

/** Where the relay's process kills itself, at the first rows it has to send. */
export const RELAY_STEPS = [
  "before the send",
  "in the middle of the send",
  "with the request on its way",
  "after the acknowledgement",
  "before the commit",
  "never",
] as const;
export type RelayStep = (typeof RELAY_STEPS)[number];

/** The relay with real servers, as a process of its own that a kill ends without a word: kill -9 by itself, so that the step is hit. */
async function main(): Promise<void> {
  const settings = readSettings({
    namespace: parsed("NAMESPACE", namespace),
    kafka: text("KAFKA_BROKERS"),
    postgres: text("POSTGRES_URL"),
    step: text("STEP"),
  }, (name) => process.env[name]);
  const step = settings.step as RelayStep;
  const producer = new KafkaProducer(
    { brokers: [settings.kafka], clientId: "relay-test" },
    createLog("test", "error"),
  );
  const signal = new AbortController().signal;
  const stopped = new Promise<never>(() => {});
  const killAt = (now: RelayStep): Promise<never> | undefined => {
    if (step !== now) return undefined;
    process.kill(process.pid, "SIGKILL");
    return stopped;
  };
  const send = async (records: readonly ProducerRecord[]): Promise<void> => {
    await killAt("before the send");
    if (step === "in the middle of the send") {
      // what a broker acknowledged of it, while others were still to answer
      await producer.send(records.slice(0, Math.ceil(records.length / 2)), signal);
      await killAt(step);
    }
    const sent = producer.send(records, signal);
    if (step === "with the request on its way") setTimeout(() => void killAt(step), 1);
    await sent;
    await killAt("after the acknowledgement");
  };
  // so that the send itself is what the kill meets
  await producer.connect(signal);
  await relay({
    database: postgresClient({
      url: settings.postgres,
      applicationName: "relay test",
      connectionsMax: 1,
      statementTimeoutMs: 20_000,
    }),
    producer: { send },
    namespace: settings.namespace,
    chance: () => 0,
    onSent: (events) => {
      if (events.length > 0) void killAt("before the commit");
    },
    onAway: (reason) => console.error(reason),
  }).run(signal);
}

if (process.argv[1] === new URL(import.meta.url).pathname) await main();
