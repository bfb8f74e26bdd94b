import { randomUUID } from "node:crypto";
import { readCompacted } from "#adapters/kafka/compacted.ts";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import { opsServer } from "#adapters/ops_server.ts";
import { runService } from "#adapters/service.ts";
import { groupName, topicName } from "#core/namespace.ts";
import { partitionOf } from "#core/partition.ts";
import { TOPICS } from "#core/topics.ts";
import { acknowledged } from "./acknowledged.ts";
import { clock } from "./clock.ts";
import { collect } from "./collect.ts";
import { Collector } from "./collector.ts";
import { ingestSettings } from "./config.ts";
import { openExchangeSocket } from "./exchange_socket.ts";
import { frameIds } from "./frame_id.ts";
import { collectorGauges } from "./gauges.ts";
import { ingestGauges, ingestMetrics } from "./metrics.ts";
import { Outbox } from "./outbox.ts";
import { RecordMaker } from "./records.ts";
import { repairWorker } from "./repair/start_repair.ts";

/** The exchange lists below a thousand markets, and listed others before. */
const LISTINGS_MAX = 10_000;

await runService("ingest", ({ log, registry, environment }) => {
  const settings = ingestSettings(environment);
  const { namespace, opsHost, opsPort } = settings;
  const time = clock(Date.now, () => performance.now());
  const metrics = ingestMetrics(registry);
  const kafka = { brokers: settings.kafkaBrokers, clientId: groupName(namespace, "ingest") };
  const producer = new KafkaProducer(kafka, log);
  const outbox = new Outbox({
    sender: producer,
    limits: {
      recordsMax: settings.outboxRecords,
      bytesMax: settings.outboxMib * 1024 * 1024,
      marksMax: 1_000,
      batchRecordsMax: 2_000,
      batchBytesMax: 512 * 1024,
    },
    onSent: acknowledged({ metrics, log, nowMs: () => time.nowMs() }),
    steadyMs: time.steadyMs,
  });
  const origin = settings.exchangeKind === "replay" ? "replay" : "websocket";
  const collector = new Collector({
    clock: time,
    outbox,
    records: new RecordMaker(namespace, origin),
    metrics,
    log,
    newTicket: randomUUID,
    nextFrameId: frameIds(randomUUID().slice(0, 6)),
    followsTime: origin === "websocket",
  });
  ingestGauges(registry, collectorGauges(collector, outbox.queue, time));
  return [
    opsServer({
      host: opsHost,
      port: opsPort,
      registry,
      ready: () => collector.complaints(),
      log,
    }),
    {
      name: "collect",
      run: async (signal) => {
        try {
          await collect({
            collector,
            outbox,
            link: {
              url: settings.exchangeWsUrl,
              open: openExchangeSocket,
              clock: time,
              chance: Math.random,
            },
            restUrl: settings.exchangeRestUrl,
            markets: settings.markets,
            marketListEveryMs: settings.marketListEveryS * 1_000,
            published: (signal) =>
              readCompacted({
                settings: kafka,
                log,
                groupPrefix: groupName(namespace, "ingest-listings"),
                topic: topicName(namespace, TOPICS.listing),
                keysMax: LISTINGS_MAX,
                chance: Math.random,
              }, signal),
            clock: time,
            chance: Math.random,
            metrics,
            log,
          }, signal);
        } finally {
          await producer.close();
        }
      },
    },
    ...settings.postgresUrl === "" || settings.exchangeKind === "replay" ? [] : [repairWorker({
      namespace,
      kafka,
      postgresUrl: settings.postgresUrl,
      restUrl: settings.exchangeRestUrl,
      budget: settings.restBudget,
      clock: time,
      chance: Math.random,
      markets: () => collector.markets,
      seenSinceMs: (market) => {
        const { session } = collector.coverage;
        const seen = session?.marketsByPartition[partitionOf(market)]?.includes(market) ?? false;
        return seen ? session!.sinceMs : null;
      },
      registry,
      log,
    })],
  ];
});
