import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { ConsumedBatch } from "#adapters/kafka/records.ts";
import type { PersistPorts } from "./persist.ts";
import { rowsOf } from "./work.ts";

/** Everything persist measures. Labels are bounded: topics, partitions and the words below. */
export class PersistMetrics {
  readonly #rows: Counter<"outcome">;
  readonly #records: Counter<"topic" | "kind">;
  readonly #revisions: Counter;
  readonly #lag: Gauge<"topic" | "partition">;
  readonly #stage: Histogram<"stage">;
  readonly #transactionRows: Histogram;
  readonly #transactionSeconds: Histogram;
  readonly #deadLetters: Counter<"code">;
  readonly #retries: Counter<"store">;
  readonly #redisWrites: Counter<"kind">;
  readonly #redisFailures: Counter;
  readonly #droppedDays: Counter;
  readonly #holeSeconds: Counter;
  /** When ingest received the newest of each kind that was handled, ms. */
  readonly #newestMs = { second: 0, ticker: 0, mark: 0 };
  readonly #lagRecords = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(registry: Registry, nowMs: () => number) {
    this.#nowMs = nowMs;
    const registers = [registry];
    this.#records = new Counter({
      name: "stofka_persist_records_total",
      help: "Records read from Kafka, by topic and kind (second, mark, ticker, listing, refused).",
      labelNames: ["topic", "kind"],
      registers,
    });
    this.#rows = new Counter({
      name: "stofka_persist_rows_total",
      help:
        "Second candles by what became of them: effective (inserted or replaced an older revision), equal (this revision was stored), older (a newer one was stored). What a newer one in the same transaction replaced is not counted.",
      labelNames: ["outcome"],
      registers,
    });
    this.#revisions = new Counter({
      name: "stofka_persist_revisions_total",
      help:
        "Second candles that replaced an older revision of theirs; rows_total counts them as effective, with the inserted ones.",
      registers,
    });
    this.#lag = new Gauge({
      name: "stofka_persist_lag_records",
      help: "Records of the partition behind the newest handled one, as of its last fetch.",
      labelNames: ["topic", "partition"],
      registers,
    });
    this.#stage = new Histogram({
      name: "stofka_persist_stage_seconds",
      help:
        "Time of a record from its receipt at ingest until it was read from Kafka (read) and until it was stored in PostgreSQL (stored); the newest record of each batch or transaction.",
      labelNames: ["stage"],
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300],
      registers,
    });
    this.#transactionRows = new Histogram({
      name: "stofka_persist_transaction_rows",
      help: "Rows of one transaction: seconds, marks, listings and refusals.",
      buckets: [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000],
      registers,
    });
    this.#transactionSeconds = new Histogram({
      name: "stofka_persist_transaction_seconds",
      help: "Time of one transaction, retries included.",
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30],
      registers,
    });
    this.#deadLetters = new Counter({
      name: "stofka_persist_dead_letters_total",
      help: "Records that could not be stored and went to the dead letter, by reason.",
      labelNames: ["code"],
      registers,
    });
    this.#retries = new Counter({
      name: "stofka_persist_retries_total",
      help: "Attempts that found PostgreSQL away and were repeated.",
      labelNames: ["store"],
      registers,
    });
    this.#redisWrites = new Counter({
      name: "stofka_persist_redis_writes_total",
      help: "States handed to Redis, by kind (ticker, candle, second, listing).",
      labelNames: ["kind"],
      registers,
    });
    this.#redisFailures = new Counter({
      name: "stofka_persist_redis_failures_total",
      help:
        "Pipelines that Redis did not take; what they held is remembered and written on its return.",
      registers,
    });
    this.#droppedDays = new Counter({
      name: "stofka_persist_dropped_days_total",
      help: "Day partitions of seconds dropped by retention.",
      registers,
    });
    this.#holeSeconds = new Counter({
      name: "stofka_persist_hole_seconds_total",
      help:
        "Seconds of a market that are not covered because a record of it could not be stored, summed over the markets.",
      registers,
    });
  }

  /** Gauges read when scraped. */
  watch(
    registry: Registry,
    sources: {
      readonly waiting: () => number;
      readonly redisPending: () => number;
      readonly redisStale: () => number;
    },
  ): void {
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    };
    gauge(
      "stofka_persist_waiting_batches",
      "Batches that wait for the next transaction.",
      sources.waiting,
    );
    gauge(
      "stofka_persist_redis_pending_states",
      "Latest states not yet in Redis, at most one of a kind per market.",
      sources.redisPending,
    );
    gauge(
      "stofka_persist_redis_stale_markets",
      "Markets whose cached seconds miss a write and are deleted on Redis's return.",
      sources.redisStale,
    );
    for (const kind of ["second", "ticker", "mark"] as const) {
      gauge(
        `stofka_persist_newest_${kind}_age_seconds`,
        `Time since ingest ${
          kind === "mark" ? "wrote" : "received"
        } the newest ${kind} that was handled here; NaN before the first.`,
        () => this.#newestMs[kind] === 0 ? NaN : (this.#nowMs() - this.#newestMs[kind]) / 1_000,
      );
    }
  }

  readonly observe: PersistPorts["observe"] = {
    read: (batch, work) => {
      const add = (kind: string, count: number): void => {
        if (count > 0) this.#records.inc({ topic: batch.topic, kind }, count);
      };
      add("second", work.seconds.length);
      add("mark", work.marks.length);
      add("ticker", work.tickers.length);
      add("listing", work.listings.length);
      add("refused", work.refusals.length);
      this.#fresh("second", work.seconds.at(-1)?.event.receivedAtMs);
      this.#fresh("ticker", work.tickers.at(-1)?.event.receivedAtMs);
      this.#fresh("mark", work.marks.at(-1)?.mark.writtenAtMs);
      const newest = work.seconds.at(-1) ?? work.tickers.at(-1);
      if (newest !== undefined) this.#latency("read", newest.event.receivedAtMs);
    },
    stored: (work, stored) => {
      this.#rows.inc({ outcome: "effective" }, stored.effective);
      this.#revisions.inc(stored.revised);
      this.#rows.inc({ outcome: "equal" }, stored.equal);
      this.#rows.inc({ outcome: "older" }, stored.older);
      for (const { failure, hole } of [...work.refusals, ...stored.refusals]) {
        this.#deadLetters.inc({ code: failure.code });
        if (hole !== null) this.#holeSeconds.inc((hole.untilMs - hole.sinceMs) / 1_000);
      }
      this.#transactionRows.observe(rowsOf(work));
      let newestMs = 0;
      for (const { event } of work.seconds) newestMs = Math.max(newestMs, event.receivedAtMs);
      if (newestMs > 0) this.#latency("stored", newestMs);
    },
    handled: (batch) => this.#handled(batch),
  };

  transaction(seconds: number): void {
    this.#transactionSeconds.observe(seconds);
  }

  retried(): void {
    this.#retries.inc({ store: "postgres" });
  }

  redisWrote(kind: "ticker" | "candle" | "second" | "listing", count: number): void {
    this.#redisWrites.inc({ kind }, count);
  }

  redisFailed(): void {
    this.#redisFailures.inc();
  }

  droppedDays(count: number): void {
    this.#droppedDays.inc(count);
  }

  /** The largest lag of a partition, records. */
  get lagRecordsMax(): number {
    return Math.max(0, ...this.#lagRecords.values());
  }

  #handled(batch: ConsumedBatch): void {
    const last = batch.records.at(-1);
    if (last === undefined) return;
    const records = Math.max(0, Number(batch.highWatermark - last.offset - 1n));
    this.#lag.set({ topic: batch.topic, partition: batch.partition }, records);
    this.#lagRecords.set(`${batch.topic} ${batch.partition}`, records);
  }

  #fresh(kind: "second" | "ticker" | "mark", atMs: number | undefined): void {
    if (atMs !== undefined && atMs > this.#newestMs[kind]) this.#newestMs[kind] = atMs;
  }

  #latency(stage: string, receivedAtMs: number): void {
    this.#stage.observe({ stage }, Math.max(0, this.#nowMs() - receivedAtMs) / 1_000);
  }
}
