import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import type { Database, Transaction } from "#adapters/postgres.ts";
import { decimal } from "#core/decimal.ts";
import {
  encodePostgresCandleEvent,
  type PostgresCandleEvent,
  type RollupSource,
} from "#core/event/postgres_candle_event.ts";
import { bucketEndMs, interval } from "#core/interval.ts";
import { sleep, type Worker } from "#core/lifecycle.ts";
import { market } from "#core/market.ts";
import { type Namespace, topicName } from "#core/namespace.ts";
import { partitionOf } from "#core/partition.ts";
import { rollupRevision } from "#core/revision.ts";
import { TOPICS } from "#core/topics.ts";
import type { RelayPosition } from "./ranges.ts";
import { whileAway } from "./retry.ts";

export interface RelayOptions {
  readonly database: Database;
  /** Resolves when the cluster has acknowledged all; one call at a time. */
  readonly producer: {
    send(records: readonly ProducerRecord[], signal: AbortSignal): Promise<void>;
  };
  readonly namespace: Namespace;
  readonly chance: () => number;
  /** Between the two positions lie these rows and none else; without rows both are where the cursor stands. */
  readonly onSent: (
    events: readonly PostgresCandleEvent[],
    from: RelayPosition,
    to: RelayPosition,
  ) => void;
  readonly onAway: (reason: string) => void;
}

/** Rows read and sent at once; a minute of 400 markets on all levels is 4,400. */
export const ROWS_MAX = 1_000;
/** How long it looks away when there was nothing: the drain's own round. */
const PAUSE_MS = 250;

/**
 * Carries roll-ups from PostgreSQL to `postgres_candle`. Revisions are drawn under the drain's lock, so their order is the
 * order of commits, and nothing can appear behind the cursor; `rollup_outbox` says which rows they are.
 *
 * Of several instances one at a time relays. At least once: what was sent when it died is sent again, and readers merge by
 * revision. A row that was written twice meanwhile is sent once, in its newest revision.
 */
export function relay(options: RelayOptions): Worker {
  return {
    name: "relay",
    run: async (signal) => {
      while (!signal.aborted) {
        const sent = await whileAway(() => relayOnce(options, signal), {
          signal,
          chance: options.chance,
          onRetry: (_attempt, reason) => options.onAway(reason),
        });
        if (sent < ROWS_MAX) await sleep(PAUSE_MS, signal);
      }
    },
  };
}

/**
 * One transaction holds the lock, reads, waits for the acknowledgement and moves the cursor: whoever loses the connection
 * loses the lock with it. While Kafka is away the server ends it after 30 s, and it begins again.
 *
 * @returns rows sent; 0 also when another instance is at it
 */
export async function relayOnce(options: RelayOptions, signal: AbortSignal): Promise<number> {
  const { database, producer, namespace, onSent } = options;
  const topic = topicName(namespace, TOPICS.postgresCandle);
  return await database.begin(async (raw) => {
    const transaction = raw as unknown as Transaction;
    const rows = await transaction`
      SELECT * FROM rollup_unsent(${ROWS_MAX})
      WHERE (SELECT pg_try_advisory_xact_lock(hashtext('rollup_relay')))`;
    const newest = rows.at(-1);
    if (newest === undefined) return 0;
    const [from, to] = [position(newest, "from_"), position(newest, "to_")];
    const events = rows.filter((row) => row["market"] !== null).map(postgresCandle);
    if (events.length > 0) {
      await producer.send(
        events.map((event) => ({
          topic,
          partition: partitionOf(event.market),
          key: event.market,
          value: encodePostgresCandleEvent(event),
          headers: {},
        })),
        signal,
      );
    }
    // also where all of a batch was overtaken by later ones
    if (to.timeline !== from.timeline || to.sequence !== from.sequence) {
      await transaction`
        UPDATE relay_cursor SET timeline = ${to.timeline}, sequence = ${String(to.sequence)}`;
    }
    onSent(events, from, to);
    return events.length;
  });
}

function position(
  row: Readonly<Record<string, unknown>>,
  prefix: "from_" | "to_",
): RelayPosition {
  return {
    timeline: row[`${prefix}timeline`] as number,
    sequence: Number(row[`${prefix}sequence`]),
  };
}

/** @param row of `market_candle` as the client reads it: numeric and bigint as text, times as `Date` */
function postgresCandle(row: Readonly<Record<string, unknown>>): PostgresCandleEvent {
  const ms = (name: string): number => (row[name] as Date).getTime();
  const number = (name: string) => decimal(row[name] as string);
  const bucket = interval(row["interval"] as string);
  const startsAtMs = ms("starts_at");
  const untilMs = ms("until");
  return {
    market: market(row["market"] as string),
    interval: bucket,
    startsAtMs,
    open: number("open"),
    high: number("high"),
    low: number("low"),
    close: number("close"),
    volume: number("volume"),
    turnover: number("turnover"),
    lastTickAtMs: ms("last_tick_at"),
    closed: untilMs >= bucketEndMs(bucket, startsAtMs),
    complete: row["complete"] as boolean,
    deleted: row["deleted"] as boolean,
    source: row["source"] as RollupSource,
    untilMs,
    revision: rollupRevision(row["timeline"] as number, Number(row["sequence"])),
  };
}
