import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { RESULTS } from "./rest.ts";
import { WANT_KINDS } from "./want.ts";

/** What the repair loop counts. */
export interface RepairMetrics {
  readonly requests: Counter<"result">;
  readonly wants: Counter<"kind">;
  readonly rows: Counter;
  readonly querySeconds: Histogram;
  readonly requestSeconds: Histogram;
  readonly away: Counter;
}

/** Values that are read when somebody looks. */
export interface RepairGauges {
  asker(): boolean;
  wantedRows(): number;
  pausedMs(): number;
  budget(): number;
}

export function repairMetrics(registry: Registry): RepairMetrics {
  const registers = [registry];
  const metrics: RepairMetrics = {
    requests: new Counter({
      name: "stofka_repair_requests_total",
      help:
        "Requests to the exchange's REST interface, by result: ok, empty, away, too many (429), blocked (418), gone (404), refused, unreadable.",
      labelNames: ["result"],
      registers,
    }),
    wants: new Counter({
      name: "stofka_repair_answers_total",
      help:
        "Answers published to exchange_candle, by what they were wanted for: gap, bucket, fill, wish, parity.",
      labelNames: ["kind"],
      registers,
    }),
    rows: new Counter({
      name: "stofka_repair_rows_total",
      help: "Candles in the published answers.",
      registers,
    }),
    querySeconds: new Histogram({
      name: "stofka_repair_query_seconds",
      help: "Time of the question to PostgreSQL what is missing.",
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
      registers,
    }),
    requestSeconds: new Histogram({
      name: "stofka_repair_request_seconds",
      help:
        "Time of one request to the exchange's REST interface, without the waiting for its turn.",
      buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
      registers,
    }),
    away: new Counter({
      name: "stofka_repair_postgres_failures_total",
      help: "Questions that PostgreSQL did not answer; the repair waits, the collection goes on.",
      registers,
    }),
  };
  for (const result of ["ok", "empty", ...Object.values(RESULTS), "unreadable"]) {
    metrics.requests.inc({ result }, 0);
  }
  for (const kind of WANT_KINDS) metrics.wants.inc({ kind }, 0);
  return metrics;
}

export function repairGauges(registry: Registry, read: RepairGauges): void {
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name: `stofka_repair_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  };
  gauge(
    "asker_up",
    "1 while this process is the one that asks the exchange for what is missing.",
    () => read.asker() ? 1 : 0,
  );
  gauge(
    "wanted_rows",
    "Missing stretches in the newest answer of PostgreSQL, at most a thousand.",
    () => read.wantedRows(),
  );
  gauge(
    "paused_seconds",
    "How long the exchange's limits still hold back the next request.",
    () => read.pausedMs() / 1_000,
  );
  gauge(
    "budget_ratio",
    "Requests a second that this process allows itself, as a share of the exchange's limit of 10.",
    () => read.budget() / 10,
  );
}
