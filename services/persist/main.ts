import { randomBytes } from "node:crypto";
import { readWholeTopic } from "#adapters/kafka/compacted.ts";
import { consumeGroup } from "#adapters/kafka/consumer.ts";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import { opsServer } from "#adapters/ops_server.ts";
import { postgresClient } from "#adapters/postgres.ts";
import { redisClient } from "#adapters/redis.ts";
import { runService } from "#adapters/service.ts";
import { groupName, topicName } from "#core/namespace.ts";
import { Plausibility } from "#core/plausible.ts";
import { redisKeys } from "#core/redis_keys.ts";
import { HEADERS, TOPICS } from "#core/topics.ts";
import { answerWorkers } from "./answers/answer_workers.ts";
import { ParityGauges, parityWatch } from "./answers/parity_state.ts";
import { persistSettings } from "./config.ts";
import { deadLetter } from "./dead_letter.ts";
import { GapGauge, gapWatch } from "./gap_watch.ts";
import { diskRoom } from "./disk_room.ts";
import { History } from "./history.ts";
import { housekeeping } from "./housekeeping.ts";
import { Latest } from "./latest.ts";
import { PersistMetrics } from "./metrics.ts";
import { LIMITS, persist } from "./persist.ts";
import { Ranges } from "./ranges.ts";
import { RangeMetrics } from "./range_metrics.ts";
import { readBatch, type RecordKind } from "./read_batch.ts";
import { relay } from "./relay.ts";
import { RelayMetrics } from "./relay_metrics.ts";
import { takenWindow } from "./retention.ts";
import { whileAway } from "./retry.ts";
import { SecondDays } from "./second_days.ts";
import { TickersRebuild } from "./tickers_rebuild.ts";
import { traced } from "./trace.ts";

/** Lag up to which the service calls itself ready: a few seconds at the exchange's real load. */
const LAG_RECORDS_MAX = 5_000;

/**
 * A fetch gathers so much, or waits so long: ten transactions a second instead of a hundred, up to 5,000 messages a second.
 * And the candles of a second's end reach the readers of stream before persist takes the processor for them.
 */
const FETCH_BYTES_MIN = 512 * 1024;
const FETCH_WAIT_MS = 100;

await runService("persist", ({ log, registry, environment }) => {
  const settings = persistSettings(environment);
  const { namespace, secondsKeptDays } = settings;
  const kafka = { brokers: settings.kafkaBrokers, clientId: "stofka-persist" };
  const metrics = new PersistMetrics(registry, Date.now);
  const database = postgresClient({
    url: settings.postgresUrl,
    applicationName: "stofka persist",
    // sweeping and the watches of parity and gaps beside the transactions
    connectionsMax: LIMITS.transactionsMax + 3,
    statementTimeoutMs: 30_000,
  });
  const plausibility = new Plausibility();
  const days = new SecondDays(database);
  const history = new History(database, days);
  const producer = new KafkaProducer(kafka, log);
  const kinds = new Map<string, RecordKind>([
    [topicName(namespace, TOPICS.secondCandle), "second"],
    [topicName(namespace, TOPICS.ticker), "ticker"],
    [topicName(namespace, TOPICS.listing), "listing"],
  ]);
  const redis = redisClient({
    url: settings.redisUrl,
    connectionName: "stofka-persist",
    commandTimeoutMs: 500,
  }, log);
  const latest = new Latest({
    redis,
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
  const rangeMetrics = new RangeMetrics(registry);
  const ranges = new Ranges({
    redis: redisClient({
      url: settings.redisUrl,
      connectionName: "stofka-persist-ranges",
      commandTimeoutMs: 500,
    }, log),
    keys: redisKeys(namespace),
    chance: Math.random,
    token: () => randomBytes(6).toString("hex"),
    observe: {
      wrote: rangeMetrics.wrote,
      ended: (cause) => {
        rangeMetrics.ended();
        log.info({ event: "ranges_ended", cause }, "cached ranges end and are filled again");
      },
    },
  });
  let postgresAway: string | null = "not asked yet";
  let consuming = false;

  const { handle, worker } = persist({
    read: (batch) =>
      readBatch(
        kinds.get(batch.topic)!,
        batch,
        takenWindow(Date.now(), secondsKeptDays),
        plausibility,
      ),
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
    latest: {
      put: (work) => {
        ranges.put(work);
        return latest.put(work);
      },
    },
    observe: traced({
      ...metrics.observe,
      read: (batch, work) => {
        if (kinds.get(batch.topic) === "second") ranges.read(batch);
        metrics.observe.read(batch, work);
      },
      stored: (work, stored) => {
        ranges.refused([...work.refusals, ...stored.refusals]);
        metrics.observe.stored(work, stored);
      },
    }, log),
  }, LIMITS);

  metrics.watch(registry, {
    waiting: () => worker.waiting,
    redisPending: () => latest.pending,
    redisStale: () => latest.staleMarkets,
  });

  const relayMetrics = new RelayMetrics(registry, Date.now);

  return [
    worker,
    latest,
    new TickersRebuild({
      redis,
      keys: redisKeys(namespace),
      latest,
      readTopic: (take, signal) =>
        readWholeTopic({
          settings: kafka,
          log,
          groupPrefix: groupName(namespace, "persist-tickers"),
          topic: topicName(namespace, TOPICS.ticker),
          // what cannot be read is in the dead letter already: the consumer below met it
          handle: (batch) =>
            take(readBatch("ticker", batch, takenWindow(Date.now(), secondsKeptDays)).tickers),
          chance: Math.random,
        }, signal),
      token: () => randomBytes(6).toString("hex"),
      lookMs: 5_000,
      observe: {
        rebuilt: (tickers) =>
          log.info({ event: "tickers_rebuilt", tickers }, "Redis holds every market's ticker"),
        failed: (reason) =>
          log.warn({ event: "tickers_unknown", reason }, "Redis away: tickers are rebuilt later"),
      },
    }),
    ranges,
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
      onSent: (events, from, to) => {
        relayMetrics.sent(events);
        ranges.relayed(events, from, to);
      },
      onAway: (reason) => {
        relayMetrics.retried();
        log.warn({ event: "relay_retry", reason }, "PostgreSQL away, relaying later");
      },
    }),
    ...answerWorkers({
      namespace,
      kafka,
      postgresUrl: settings.postgresUrl,
      latest: {
        put: (work, deleted) => {
          ranges.put({ ...work, seconds: [...work.seconds, ...deleted] });
          latest.forget(deleted.map(({ event }) => event.market));
          return latest.put(work);
        },
      },
      nowMs: Date.now,
      chance: Math.random,
      registry,
      log,
    }),
    parityWatch({
      database,
      gauges: new ParityGauges(registry),
      nowMs: Date.now,
      onAway: (reason) => log.warn({ event: "parity_unknown", reason }, "looked at again in 30 s"),
    }),
    gapWatch({
      database,
      gauge: new GapGauge(registry),
      nowMs: Date.now,
      onAway: (reason) => log.warn({ event: "gaps_unknown", reason }, "asked again in a minute"),
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
    diskRoom({
      database,
      bytesMax: settings.postgresBytesMax,
      nowMs: Date.now,
      onDropped: ({ day, bytes }, { usedBytes }) => {
        metrics.droppedDays(1);
        days.forget();
        log.warn(
          { event: "day_dropped", day, bytes, usedBytes, bytesMax: settings.postgresBytesMax },
          "the oldest day of seconds went: PostgreSQL's part of the disk budget was used up",
        );
      },
      onWaiting: (oldest, { usedBytes }) =>
        log.error(
          {
            event: "disk_over_budget",
            usedBytes,
            bytesMax: settings.postgresBytesMax,
            day: oldest?.day ?? null,
            reason: oldest?.waitsFor ?? "no day of seconds is stored",
          },
          "PostgreSQL takes more than its part of the disk budget, and no day of seconds may go",
        ),
      onAway: (reason) =>
        log.warn({ event: "disk_unknown", reason }, "looked at again in a minute"),
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
