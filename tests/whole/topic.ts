import kafkajs, { type KafkaMessage } from "kafkajs";
import { randomUUID } from "node:crypto";
import { guardRequestQueue } from "#adapters/kafka/request_queue_guard.ts";
import { exactJson, plain } from "./exact.ts";
import { keyOf, type Second } from "./seconds.ts";

/** A client of the tests' own, not the product's. */
export function kafkaOf(brokers: string): kafkajs.Kafka {
  guardRequestQueue(); // else it spins a timer, with a warning
  return new kafkajs.Kafka({
    clientId: "stofka-whole",
    brokers: brokers.split(","),
    logLevel: kafkajs.logLevel.NOTHING,
  });
}

/** Every record that the broker acknowledged into the topic, read from the beginning to where it ends now. */
export async function wholeTopic(
  brokers: string,
  topic: string,
  take: (message: KafkaMessage, partition: number) => void,
): Promise<number> {
  const kafka = kafkaOf(brokers);
  const ends = new Map<number, bigint>();
  const admin = kafka.admin();
  await admin.connect();
  for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
    if (BigInt(high) > BigInt(low)) ends.set(partition, BigInt(high));
  }
  const groupId = `whole-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  let records = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      if (ends.size === 0) resolve();
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer.run({
        autoCommit: false,
        eachBatch: ({ batch }) => {
          const end = ends.get(batch.partition);
          for (const message of batch.messages) {
            if (end === undefined || BigInt(message.offset) >= end) continue;
            records++;
            take(message, batch.partition);
          }
          if (BigInt(batch.lastOffset()) + 1n >= (end ?? 0n)) ends.delete(batch.partition);
          if (ends.size === 0) resolve();
          return Promise.resolve();
        },
      }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => {}); // gone with the broker's data anyway
    await admin.disconnect();
  }
  return records;
}

/** A header's text. */
export function header({ headers }: KafkaMessage, name: string): string | undefined {
  return headers?.[name]?.toString();
}

/** An element of the second candles' topic, as the exchange wrote it; undefined for a mark. */
export function secondOf(message: KafkaMessage): Second | undefined {
  if (header(message, "kind") === "mark") return undefined;
  return elementSecond(exactJson(message.value!.toString()) as Record<string, string>);
}

/** A second candle's element, as `exactJson` reads it. */
export function elementSecond(element: Readonly<Record<string, string>>): Second {
  return {
    market: element["code"]!,
    startsAtMs: Date.parse(`${element["candle_date_time_utc"]}Z`),
    lastTickAtMs: Number(element["timestamp"]),
    open: plain(element["opening_price"]!),
    high: plain(element["high_price"]!),
    low: plain(element["low_price"]!),
    close: plain(element["trade_price"]!),
    volume: plain(element["candle_acc_trade_volume"]!),
    turnover: plain(element["candle_acc_trade_price"]!),
  };
}

/** The newest revision of each second: later last tick, else more volume. Compared as numbers, not as the product's text. */
export class NewestSeconds {
  readonly seconds = new Map<string, Second>();

  add(second: Second): void {
    const held = this.seconds.get(keyOf(second));
    if (held === undefined || isNewer(second, held)) this.seconds.set(keyOf(second), second);
  }
}

export function isNewer(a: Second, b: Second): boolean {
  if (a.lastTickAtMs !== b.lastTickAtMs) return a.lastTickAtMs > b.lastTickAtMs;
  return units(a.volume) > units(b.volume);
}

/** In 10⁻²⁰: finer than any number on the wire. */
function units(text: string): bigint {
  const [whole, fraction = ""] = text.split(".");
  return BigInt(whole! + fraction.padEnd(20, "0"));
}
