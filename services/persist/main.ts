import { consumeGroup } from "#adapters/kafka/consumer.ts";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import { opsServer } from "#adapters/ops_server.ts";
import { postgresClient } from "#adapters/postgres.ts";
import { redisClient } from "#adapters/redis.ts";
import { runService } from "#adapters/service.ts";
import { groupName, topicName } from "#core/namespace.ts";
import { redisKeys } from "#core/redis_keys.ts";
import { HEADERS, PARTITIONS, TOPICS } from "#core/topics.ts";
import { persistSettings } from "./config.ts";
import { deadLetter } from "./dead_letter.ts";
import { History } from "./history.ts";
import { housekeeping } from "./housekeeping.ts";
import { Latest } from "./latest.ts";
import { PersistMetrics } from "./metrics.ts";
import { persist } from "./persist.ts";
import { readBatch, type RecordKind } from "./read_batch.ts";
import { relay } from "./relay.ts";
import { RelayMetrics } from "./relay_metrics.ts";
import { takenWindow } from "./retention.ts";
import { whileAway } from "./retry.ts";
import { SecondDays } from "./second_days.ts";
import { traced } from "./trace.ts";

/** Lag up to which the service calls itself ready: a few seconds at the exchange's real load. */
const LAG_RECORDS_MAX = 5_000;

/** A fetch gathers so much, or waits so long: at the exchange's real load ten transactions a second instead of a hundred. */
const FETCH_BYTES_MIN = 64 * 1024;
const FETCH_WAIT_MS = 100;

await runService("persist", ({ log, registry, environment }) => {
  const settings = persistSettings(environment);
  const { namespace, secondsKeptDays } = settings;
  const kafka = { brokers: settings.kafkaBrokers, clientId: "stofka-persist" };
  const metrics = new PersistMetrics(registry, Date.now);
  const database = postgresClient({
    url: settings.postgresUrl,
    applicationName: "stofka persist",
    connectionsMax: 3,
    statementTimeoutMs: 30_000,
  });
  const history = new History(database, new SecondDays(database));
  const producer = new KafkaProducer(kafka, log);
  const kinds = new Map<string, RecordKind>([
    [topicName(namespace, TOPICS.secondCandle), "second"],
    [topicName(namespace, TOPICS.ticker), "ticker"],
    [topicName(namespace, TOPICS.listing), "listing"],
  ]);
  const latest = new Latest({
    redis: redisClient({
      url: settings.redisUrl,
      connectionName: "stofka-persist",
      commandTimeoutMs: 500,
    }, log),
    keys: redisKeys(namespace),
    chance: Math.random,
    observe: {
      wrote: (kind, count) => metrics.redisWrote(kind, count),
      failed: (reason) => {
        metrics.redisFailed();
        log.warn({ event: "redis_away", reason }, "Redis did not take the latest states");
      },
      returned: (staleMarkets) =>
        log.info({ event: "redis_back", staleMarkets }, "Redis takes the latest states again"),
    },
  });
  let postgresAway: string | null = "not asked yet";
  let consuming = false;

  const { handle, worker } = persist({
    read: (batch) =>
      readBatch(kinds.get(batch.topic)!, batch, takenWindow(Date.now(), secondsKeptDays)),
    history: {
      store: async (work, signal) => {
        const startedAt = performance.now();
        const stored = await whileAway(() => history.store(work), {
          signal,
          chance: Math.random,
          onRetry: (attempt, reason) => {
            postgresAway = reason;
            metrics.retried();
            log.warn({ event: "postgres_retry", attempt, reason }, "PostgreSQL away, retrying");
          },
        });
        postgresAway = null;
        metrics.transaction((performance.now() - startedAt) / 1_000);
        return stored;
      },
    },
    deadLetters: {
      send: async (refusals, signal) => {
        for (const { record, failure } of refusals) {
          const { topic, partition, offset: at, headers } = record;
          const frame = headers[HEADERS.frame];
          const offset = String(at);
          log.warn(
            { event: "dead_letter", code: failure.code, frame, topic, partition, offset },
            failure.message,
          );
        }
        await producer.send(refusals.map((refusal) => deadLetter(namespace, refusal)), signal);
      },
    },
    latest,
    observe: traced(metrics.observe, log),
  }, { rowsMax: 10_000, batchesMax: 2 * PARTITIONS + 1 });

  metrics.watch(registry, {
    waiting: () => worker.waiting,
    redisPending: () => latest.pending,
    redisStale: () => latest.staleMarkets,
  });

  const relayMetrics = new RelayMetrics(registry, Date.now);

  return [
    worker,
    latest,
    relay({
      // its own: it holds a transaction open while it waits for Kafka, and a producer takes one call at a time
      database: postgresClient({
        url: settings.postgresUrl,
        applicationName: "stofka persist relay",
        connectionsMax: 1,
        statementTimeoutMs: 30_000,
      }),
      producer: new KafkaProducer(kafka, log),
      namespace,
      chance: Math.random,
      onSent: relayMetrics.sent,
      onAway: (reason) => {
        relayMetrics.retried();
        log.warn({ event: "relay_retry", reason }, "PostgreSQL away, relaying later");
      },
    }),
    housekeeping({
      database,
      keptDays: secondsKeptDays,
      nowMs: Date.now,
      onSwept: (swept) => {
        metrics.droppedDays(swept.days);
        log.info({ event: "swept", ...swept }, "what is no longer kept was removed");
      },
      onAway: (reason) => log.warn({ event: "sweep_postponed", reason }, "swept again in a minute"),
    }),
    {
      name: "consumer",
      run: (signal) =>
        consumeGroup({
          settings: kafka,
          log,
          groupId: groupName(namespace, "persist"),
          topics: [...kinds.keys()],
          minBytes: FETCH_BYTES_MIN,
          maxWaitMs: FETCH_WAIT_MS,
          handle,
          onRunning: (running) => consuming = running,
        }, signal),
    },
    opsServer({
      host: settings.opsHost,
      port: settings.opsPort,
      registry,
      log,
      ready: () => [
        ...(consuming ? [] : ["no connection to Kafka's consumer group"]),
        ...(postgresAway === null ? [] : [`PostgreSQL: ${postgresAway}`]),
        ...(metrics.lagRecordsMax <= LAG_RECORDS_MAX
          ? []
          : [`${metrics.lagRecordsMax} records behind`]),
      ],
    }),
  ];
});
