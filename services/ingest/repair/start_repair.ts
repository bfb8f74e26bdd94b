import { isRefusal, isTransient, postgresClient } from "#adapters/postgres.ts";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import type { KafkaSettings } from "#adapters/kafka/client.ts";
import type { Log } from "#adapters/log.ts";
import { encodeExchangeAnswer } from "#core/exchange_answer.ts";
import { reason } from "#core/failure.ts";
import { runWorkers, sleep, type Worker } from "#core/lifecycle.ts";
import type { Market } from "#core/market.ts";
import { type Namespace, topicName } from "#core/namespace.ts";
import { partitionOf } from "#core/partition.ts";
import { TOPICS } from "#core/topics.ts";
import type { Registry } from "prom-client";
import type { Clock } from "../clock.ts";
import { Budget, BUDGET_PAUSES } from "./budget.ts";
import { repairGauges, repairMetrics } from "./metrics.ts";
import { pageAddress, readPage } from "./page.ts";
import { ranked, tickersAddress, turnovers } from "./ranking.ts";
import { Repair, REPAIR_LIMITS, type RepairLimits } from "./repair.ts";
import { restGet } from "./rest.ts";
import { missing, uncompared } from "./wanted.ts";

export interface RepairOptions {
  readonly namespace: Namespace;
  readonly kafka: KafkaSettings;
  /** Of role stofka_repair. */
  readonly postgresUrl: string;
  readonly restUrl: string;
  /** Requests a second. */
  readonly budget: number;
  readonly clock: Clock;
  readonly chance: () => number;
  /** The markets we collect. */
  readonly markets: () => readonly Market[];
  readonly seenSinceMs: (market: Market) => number | null;
  readonly registry: Registry;
  readonly log: Log;
  readonly limits?: Partial<RepairLimits>;
}

/** The order of markets changes slowly. */
const RANKED_EVERY_MS = 10 * 60_000;
const RANK_RETRY_MS = 15_000;
const CLOSE_S_MAX = 1;

/**
 * The repair loop with its neighbours: a connection to PostgreSQL that holds the lock, a producer of its own (an answer of
 * 80 kB must not stand before live frames), and one budget for all requests.
 */
export function repairWorker(options: RepairOptions): Worker {
  const { clock, log, registry, restUrl, namespace } = options;
  const budget = new Budget({ perSecond: options.budget, ...BUDGET_PAUSES }, clock.steadyMs);
  const get = (address: string, signal: AbortSignal) =>
    restGet(address, {
      nowMs: () => clock.nowMs(),
      onSign: (sign) => budget.answered(sign),
      signal,
    });
  let turnover: ReadonlyMap<Market, number> = new Map();
  const topic = topicName(namespace, TOPICS.exchangeCandle);

  return {
    name: "repair",
    run: async (signal) => {
      const database = postgresClient({
        url: options.postgresUrl,
        applicationName: "stofka ingest repair",
        connectionsMax: 1, // the one that holds the lock
        statementTimeoutMs: 10_000,
      });
      const producer = new KafkaProducer(options.kafka, log);
      const repair = new Repair({
        clock,
        chance: options.chance,
        markets: () => ranked(options.markets(), turnover),
        seenSinceMs: options.seenSinceMs,
        missing: (atMs, markets, rowsMax) => missing(database, atMs, markets, rowsMax),
        uncompared: (atMs, markets, rowsMax) => uncompared(database, atMs, markets, rowsMax),
        // a question that PostgreSQL refuses is our bug, but none that may end the collection
        isAway: (error) => isTransient(error) || isRefusal(error),
        budget,
        ask: async (want, signal) => readPage(want, await get(pageAddress(restUrl, want), signal)),
        publish: (answer, signal) =>
          producer.send([{
            topic,
            partition: partitionOf(answer.market),
            key: answer.market,
            value: encodeExchangeAnswer(answer),
            headers: {},
          }], signal),
        metrics: repairMetrics(registry),
        log,
      }, { ...REPAIR_LIMITS, ...options.limits });
      repairGauges(registry, {
        asker: () => repair.asker,
        wantedRows: () => repair.wanted,
        pausedMs: () => budget.pausedMs,
        budget: () => options.budget,
      });
      const rank = async (signal: AbortSignal): Promise<void> => {
        while (!signal.aborted) {
          const markets = options.markets();
          let waitMs = RANK_RETRY_MS;
          if (markets.length > 0 && repair.asker) {
            await budget.take(signal);
            try {
              turnover = turnovers((await get(tickersAddress(restUrl, markets), signal)).text);
              waitMs = RANKED_EVERY_MS;
            } catch (error) {
              if (signal.aborted) return;
              log.warn({ event: "ranking_failed", reason: reason(error) }, "markets not ranked");
            }
          } else waitMs = 1_000;
          await sleep(waitMs, signal);
        }
      };
      try {
        await runWorkers([repair, { name: "ranking", run: rank }], signal);
      } finally {
        await Promise.all([producer.close(), database.end({ timeout: CLOSE_S_MAX })]);
      }
    },
  };
}
