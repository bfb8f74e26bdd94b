import { Buffer } from "node:buffer";
import type { Producer, TopicMessages } from "kafkajs";
import { backoffMs } from "#core/backoff.ts";
import { reason } from "#core/failure.ts";
import { sleep } from "#core/lifecycle.ts";
import type { Log } from "../log.ts";
import { kafkaClient, type KafkaSettings } from "./client.ts";

export interface ProducerRecord {
  /** The topic's name on the broker, namespace included. */
  readonly topic: string;
  readonly partition: number;
  readonly key: string | null;
  /** null is a tombstone. */
  readonly value: Uint8Array | string | null;
  readonly headers: Readonly<Record<string, string>>;
}

const RETRY = { firstMs: 100, maxMs: 1_000 };

/**
 * Sends records until the cluster has acknowledged them (acks = all, idempotent). One send at a time, in the order of the calls:
 * what is behind waits while a send is retried, since the order of an idempotent producer ends at a send that was rejected. How
 * many wait is the callers' matter.
 */
export class KafkaProducer {
  readonly #settings: KafkaSettings;
  readonly #log: Log;
  #producer: Producer | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(settings: KafkaSettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
  }

  /** Waits for a broker; returns early, unconnected, when the signal aborts. */
  async connect(signal: AbortSignal): Promise<void> {
    await this.#retried("connect", signal, async () => {
      if (this.#producer !== null) return;
      const producer = kafkaClient(this.#settings, this.#log).producer({
        idempotent: true,
        // kafkajs takes exactly one request at a time for its sequence numbers to be in order
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
      });
      await producer.connect();
      this.#producer = producer;
    });
  }

  /**
   * @throws the signal's reason when it aborts first; the records may then have been written or not
   */
  async send(records: readonly ProducerRecord[], signal: AbortSignal): Promise<void> {
    if (records.length === 0) return;
    const sent = this.#turn.then(() => this.#send(records, signal));
    this.#turn = sent.catch(() => {}); // its caller's matter, not that of the next in turn
    await sent;
  }

  async #send(records: readonly ProducerRecord[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const topicMessages = byTopic(records);
    await this.#retried("send", signal, async () => {
      await this.connect(signal);
      signal.throwIfAborted();
      await this.#producer!.sendBatch({ acks: -1, topicMessages });
    });
    signal.throwIfAborted();
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    await producer?.disconnect();
  }

  async #retried(what: string, signal: AbortSignal, step: () => Promise<void>): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        return await abortable(step(), signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn(
          { event: "kafka_retry", what, attempt, reason: reason(error) },
          "Kafka did not take it, retrying",
        );
        if (what === "send") await this.#renew();
        await sleep(backoffMs(RETRY, attempt, Math.random()), signal);
      }
    }
  }

  /** After a rejected send the producer's sequence is unknown: a fresh one takes over. Readers merge doubles by revision. */
  async #renew(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    try {
      await producer?.disconnect();
    } catch (error) {
      this.#log.debug(
        { event: "kafka_disconnect", reason: reason(error) },
        "the old connection was gone already",
      );
    }
  }
}

function byTopic(records: readonly ProducerRecord[]): TopicMessages[] {
  const topics = new Map<string, TopicMessages>();
  for (const { topic, partition, key, value, headers } of records) {
    let entry = topics.get(topic);
    if (entry === undefined) topics.set(topic, entry = { topic, messages: [] });
    entry.messages.push({
      partition,
      key,
      headers,
      value: value === null || typeof value === "string"
        ? value
        : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    });
  }
  return [...topics.values()];
}

/** kafkajs cannot be told to give up: when the signal aborts, its promise is left to itself. */
export function abortable<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
