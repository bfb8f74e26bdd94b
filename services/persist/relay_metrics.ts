import { Counter, Histogram, type Registry } from "prom-client";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { bucketEndMs } from "#core/interval.ts";

/** What the relay measures. The delay only of buckets that have just ended: arrears would say how old they are. */
export class RelayMetrics {
  readonly #sent: Counter<"interval">;
  readonly #delay: Histogram;
  readonly #retries: Counter;
  readonly #nowMs: () => number;

  constructor(registry: Registry, nowMs: () => number) {
    this.#nowMs = nowMs;
    const registers = [registry];
    this.#sent = new Counter({
      name: "stofka_persist_relay_rows_total",
      help: "Roll-up rows acknowledged by Kafka, by interval.",
      labelNames: ["interval"],
      registers,
    });
    this.#delay = new Histogram({
      name: "stofka_persist_relay_delay_seconds",
      help:
        "Time from the end of a minute until its candle was acknowledged by Kafka; minutes that ended less than 60 s ago.",
      buckets: [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 10, 30, 60],
      registers,
    });
    this.#retries = new Counter({
      name: "stofka_persist_relay_retries_total",
      help: "Steps of the relay repeated because PostgreSQL was away.",
      registers,
    });
  }

  readonly sent = (events: readonly PostgresCandleEvent[]): void => {
    for (const { interval, startsAtMs, closed } of events) {
      this.#sent.inc({ interval });
      const delayMs = this.#nowMs() - bucketEndMs(interval, startsAtMs);
      if (interval === "1m" && closed && delayMs < 60_000) this.#delay.observe(delayMs / 1_000);
    }
  };

  retried(): void {
    this.#retries.inc();
  }
}
