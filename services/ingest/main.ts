import { randomUUID } from "node:crypto";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import { opsServer } from "#adapters/ops_server.ts";
import { runService } from "#adapters/service.ts";
import { groupName } from "#core/namespace.ts";
import { clock } from "./clock.ts";
import { collect } from "./collect.ts";
import { Collector } from "./collector.ts";
import { ingestSettings } from "./config.ts";
import { openExchangeSocket } from "./exchange_socket.ts";
import { frameIds } from "./frame_id.ts";
import { ingestGauges, ingestMetrics } from "./metrics.ts";
import { Outbox } from "./outbox.ts";
import { RecordMaker } from "./records.ts";

await runService("ingest", ({ log, registry, environment }) => {
  const settings = ingestSettings(environment);
  const { namespace, opsHost, opsPort } = settings;
  const time = clock(Date.now, () => performance.now());
  const metrics = ingestMetrics(registry);
  const producer = new KafkaProducer(
    { brokers: settings.kafkaBrokers, clientId: groupName(namespace, "ingest") },
    log,
  );
  const outbox = new Outbox({
    sender: producer,
    limits: {
      recordsMax: settings.outboxRecords,
      bytesMax: settings.outboxMib * 1024 * 1024,
      marksMax: 1_000,
      batchRecordsMax: 2_000,
      batchBytesMax: 512 * 1024,
    },
    onSent: (records, tookMs) => {
      metrics.sendSeconds.observe(tookMs / 1_000);
      metrics.sentRecords.inc(records);
    },
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
  });
  ingestGauges(registry, collector.gauges());
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
  ];
});
