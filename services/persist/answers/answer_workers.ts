import type { Registry } from "prom-client";
import { consumeGroup } from "#adapters/kafka/consumer.ts";
import type { KafkaSettings } from "#adapters/kafka/client.ts";
import { KafkaProducer, type ProducerRecord } from "#adapters/kafka/producer.ts";
import type { Log } from "#adapters/log.ts";
import { postgresClient } from "#adapters/postgres.ts";
import { type CandleEvent, encodeCandleEvent } from "#core/event/candle_event.ts";
import type { Worker } from "#core/lifecycle.ts";
import { groupName, type Namespace, topicName } from "#core/namespace.ts";
import { partitionOf } from "#core/partition.ts";
import { PARTITIONS, TOPICS } from "#core/topics.ts";
import { deadLetter } from "../dead_letter.ts";
import { whileAway } from "../retry.ts";
import { SecondDays } from "../second_days.ts";
import { AnswerHistory } from "./answer_history.ts";
import { AnswerMetrics } from "./answer_metrics.ts";
import { answers, type AnswersPorts } from "./answers.ts";

export interface AnswerWorkersOptions {
  readonly namespace: Namespace;
  readonly kafka: KafkaSettings;
  readonly postgresUrl: string;
  readonly latest: AnswersPorts["latest"];
  readonly nowMs: () => number;
  readonly chance: () => number;
  readonly registry: Registry;
  readonly log: Log;
}

/** Rows of one transaction: ten full answers, some 30 ms, which is how long it can hold rows that live seconds want. */
const ROWS_MAX = 2_000;

/** Answers are not live: they may wait for one another. */
const FETCH = { minBytes: 256 * 1024, maxWaitMs: 500 };

/** A second as a record of what PostgreSQL holds: in the topic of the roll-ups, told apart from them by its interval. */
function storedSecond(namespace: Namespace, event: CandleEvent): ProducerRecord {
  return {
    topic: topicName(namespace, TOPICS.postgresCandle),
    partition: partitionOf(event.market),
    key: event.market,
    value: encodeCandleEvent(event),
    headers: {},
  };
}

/**
 * The way of the exchange's answers through persist: a consumer group, a connection and a producer of its own. In the group of
 * the live topics a fetch of 8 MB of history would be read before the next second, and its transaction come first.
 */
export function answerWorkers(options: AnswerWorkersOptions): readonly Worker[] {
  const { namespace, kafka, log, chance, nowMs, latest } = options;
  const database = postgresClient({
    url: options.postgresUrl,
    applicationName: "stofka persist answers",
    connectionsMax: 1,
    statementTimeoutMs: 30_000,
  });
  const history = new AnswerHistory(database, new SecondDays(database));
  const metrics = new AnswerMetrics(options.registry);
  const producer = new KafkaProducer(kafka, log);
  const { handle, worker } = answers({
    nowMs,
    history: {
      store: (works, signal) =>
        whileAway(() => history.store(works), {
          signal,
          chance,
          onRetry: (attempt, reason) => {
            metrics.retried();
            log.warn({ event: "postgres_retry", attempt, reason }, "PostgreSQL away, retrying");
          },
        }),
    },
    deadLetters: {
      send: async (refusals, signal) => {
        for (const { record: { topic, partition, offset }, failure } of refusals) {
          log.warn(
            { event: "dead_letter", code: failure.code, topic, partition, offset: String(offset) },
            failure.message,
          );
        }
        await producer.send(refusals.map((refusal) => deadLetter(namespace, refusal)), signal);
      },
    },
    latest,
    readers: {
      send: (events, signal) =>
        producer.send(events.map((event) => storedSecond(namespace, event)), signal),
    },
    observe: metrics,
  }, { rowsMax: ROWS_MAX, batchesMax: PARTITIONS + 1 });
  return [worker, {
    name: "answers consumer",
    run: (signal) =>
      consumeGroup({
        settings: kafka,
        log,
        groupId: groupName(namespace, "persist-answers"),
        topics: [topicName(namespace, TOPICS.exchangeCandle)],
        ...FETCH,
        handle,
      }, signal),
  }];
}
