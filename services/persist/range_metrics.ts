import { Counter, type Registry } from "prom-client";

/** What persist does to the cached ranges. */
export class RangeMetrics {
  readonly #rows: Counter<"kind">;
  readonly #ended: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#rows = new Counter({
      name: "stofka_persist_range_rows_total",
      help:
        "Rows offered to the cached ranges of candle requests, by kind (second, rollup); of ranges that nobody asked for, nothing is written.",
      labelNames: ["kind"],
      registers,
    });
    this.#ended = new Counter({
      name: "stofka_persist_ranges_ended_total",
      help:
        "Times all cached ranges ended because a write may have been lost (connection, timeout, a relay that died); they are filled again on demand.",
      registers,
    });
  }

  readonly wrote = (kind: "second" | "rollup", rows: number): void => {
    this.#rows.inc({ kind }, rows);
  };

  ended(): void {
    this.#ended.inc();
  }
}
