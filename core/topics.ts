/**
 * The topics of the system, read by the services, the local stack and the infrastructure alike: there is no second list.
 */
export const TOPICS = {
  /** The exchange's WebSocket candle element, byte for byte; and once a second, on every partition, a mark. */
  secondCandle: "market_candle_1s",
  /** The exchange's ticker element, byte for byte; the newest per market is kept. */
  ticker: "market_ticker",
  /** The exchange's entry of `/market/all`, byte for byte: names and warnings; a delisted market is a tombstone. */
  listing: "market_listing",
  /** Every REST candle answer: back-fill, completion and parity alike. */
  exchangeCandle: "exchange_candle",
  /** A row as PostgreSQL holds it: a roll-up, closed or forming, or a second that an answer of the exchange filled or corrected. */
  postgresCandle: "postgres_candle",
  /** What could not be read or was refused, with the reason. */
  deadLetter: "market_dead_letter",
} as const;

export type Topic = (typeof TOPICS)[keyof typeof TOPICS];

/** Partitions of every topic keyed by market. Changing it moves markets: only with a new namespace. */
export const PARTITIONS = 12;

export interface TopicPlan {
  readonly topic: Topic;
  readonly partitions: number;
  /** Kafka's topic settings, as text, by their Kafka names. */
  readonly settings: Readonly<Record<string, string>>;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1024 * 1024;

const compacted = {
  "cleanup.policy": "compact",
  "min.cleanable.dirty.ratio": "0.2",
  // the open segment is never compacted: a reader from the beginning reads at most so much of each partition beside the newest
  // of each key, and what waits for the cleaner, which looks every 15 s
  "segment.ms": String(5 * MINUTE_MS),
  "segment.bytes": String(8 * MIB),
  "max.compaction.lag.ms": String(10 * MINUTE_MS),
  "delete.retention.ms": String(DAY_MS),
};

function kept(ms: number, bytesPerPartition: number): Record<string, string> {
  return {
    "cleanup.policy": "delete",
    "retention.ms": String(ms),
    "retention.bytes": String(bytesPerPartition),
    "segment.ms": String(Math.min(ms, 6 * HOUR_MS)),
    "segment.bytes": String(64 * MIB),
  };
}

/**
 * Topics with partitions and retention. Time and size both bound a topic, whichever comes first: at the exchange's real
 * load (about 300 records a second of 400–900 bytes) the size is what a laptop's disk budget needs.
 */
export const TOPIC_PLANS: readonly TopicPlan[] = [
  { topic: TOPICS.secondCandle, partitions: PARTITIONS, settings: kept(2 * DAY_MS, 512 * MIB) },
  { topic: TOPICS.ticker, partitions: PARTITIONS, settings: compacted },
  { topic: TOPICS.listing, partitions: 1, settings: compacted },
  { topic: TOPICS.exchangeCandle, partitions: PARTITIONS, settings: kept(2 * DAY_MS, 256 * MIB) },
  { topic: TOPICS.postgresCandle, partitions: PARTITIONS, settings: kept(DAY_MS, 256 * MIB) },
  { topic: TOPICS.deadLetter, partitions: 1, settings: kept(14 * DAY_MS, 256 * MIB) },
];

/** Header names of a record. Values are UTF-8 text. */
export const HEADERS = {
  /** {@link import("./candle.ts").Origin} */
  origin: "origin",
  /** ms since the epoch on ingest's clock, decimal text. */
  receivedAt: "received_at",
  /** Short id of the source frame: follows it through the logs. */
  frame: "frame",
  /** `mark` on a coverage mark; absent on an element. */
  kind: "kind",
  /** On a dead letter: the failure's code, and its message, at most 500 characters. */
  deadCode: "dead_code",
  deadReason: "dead_reason",
  /** On a dead letter: where the record lay. Absent on a frame that ingest could not read: it was in no topic. */
  sourceTopic: "source_topic",
  sourcePartition: "source_partition",
  sourceOffset: "source_offset",
  /** On a record that came back from the dead letter: when an operator sent it again, ms since the epoch. */
  replayedAt: "replayed_at",
} as const;

export const KIND_MARK = "mark";
