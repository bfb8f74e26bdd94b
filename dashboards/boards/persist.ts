import type { Dashboard } from "../dashboard.ts";
import { curves, lowIsGood, stacked, stat, target } from "../panel.ts";
import { of, quantiles, sumRate } from "../query.ts";

const NO_RANGE = "no range was asked for";

/** From Kafka into PostgreSQL and Redis. */
export const PERSIST: Dashboard = {
  uid: "stofka-persist",
  title: "Stofka / Persist",
  description: "What is read from Kafka, stored, refused, and shown in Redis.",
  rows: [
    {
      title: "Behind",
      panels: [
        stat(
          "Records behind",
          "Over all partitions; above 5,000 in one, persist calls itself not ready.",
          "short",
          target(`sum(${of("stofka_persist_lag_records")})`),
          lowIsGood(1_000, 5_000),
        ),
        stat(
          "Batches waiting",
          "For the next transaction; the limit stops the fetching.",
          "short",
          target(`max(${of("stofka_persist_waiting_batches")})`),
          lowIsGood(10, 24),
        ),
        stat(
          "Newest second handled",
          "Time since ingest received it.",
          "s",
          target(`max(${of("stofka_persist_newest_second_age_seconds")})`),
          lowIsGood(10, 60),
        ),
        stat(
          "Newest ticker handled",
          "Time since ingest received it.",
          "s",
          target(`max(${of("stofka_persist_newest_ticker_age_seconds")})`),
          lowIsGood(10, 60),
        ),
        curves(
          "Records behind, by topic",
          "As of the last fetch of each partition.",
          "short",
          target(`sum by (topic) (${of("stofka_persist_lag_records")})`, "{{topic}}"),
        ),
        curves(
          "Records read",
          "From Kafka, by topic and kind.",
          "ops",
          target(sumRate("stofka_persist_records_total", "topic, kind"), "{{topic}} {{kind}}"),
        ),
      ],
    },
    {
      title: "PostgreSQL",
      panels: [
        stacked(curves(
          "Seconds by outcome",
          "Effective: new or revised. Equal and older cost little and change nothing; many of them are a replay or a spare.",
          "ops",
          target(sumRate("stofka_persist_rows_total", "outcome"), "{{outcome}}"),
        )),
        curves(
          "Revisions",
          "Seconds that replaced an older revision of theirs.",
          "ops",
          target(sumRate("stofka_persist_revisions_total", "instance"), "{{instance}}"),
        ),
        curves(
          "Time of a transaction",
          "Retries included.",
          "s",
          ...quantiles("stofka_persist_transaction_seconds"),
        ),
        curves(
          "Rows of a transaction",
          "Few rows: idle. Thousands: catching up.",
          "short",
          ...quantiles("stofka_persist_transaction_rows"),
        ),
        curves(
          "From frame to here",
          "From ingest's receipt until read from Kafka and until stored.",
          "s",
          ...quantiles("stofka_persist_stage_seconds", { by: "stage" }),
        ),
        curves(
          "Attempts repeated",
          "PostgreSQL was away. Nothing is lost while it lasts: Kafka keeps what waits.",
          "ops",
          target(
            sumRate("stofka_persist_retries_total", "store"),
            "{{store}}",
            "PostgreSQL was never away",
          ),
        ),
        curves(
          "Days dropped",
          "Day partitions removed by retention, once a day at most.",
          "ops",
          target(sumRate("stofka_persist_dropped_days_total", "instance"), "{{instance}}"),
        ),
      ],
    },
    {
      title: "Refused",
      panels: [
        curves(
          "Dead letters",
          "By reason, which is the code of the failure.",
          "ops",
          target(
            sumRate("stofka_persist_dead_letters_total", "code"),
            "{{code}}",
            "nothing was refused",
          ),
        ),
        curves(
          "Holes",
          "Market-seconds that are not covered because a record of them could not be stored.",
          "ops",
          target(sumRate("stofka_persist_hole_seconds_total", "instance"), "{{instance}}"),
        ),
      ],
    },
    {
      title: "Redis",
      panels: [
        curves(
          "States written",
          "Handed to Redis, by kind.",
          "ops",
          target(sumRate("stofka_persist_redis_writes_total", "kind"), "{{kind}}"),
        ),
        curves(
          "Pipelines not taken",
          "What they held is remembered and written on Redis's return; PostgreSQL is not held back.",
          "ops",
          target(sumRate("stofka_persist_redis_failures_total", "instance"), "{{instance}}"),
        ),
        curves(
          "Not in Redis yet",
          "States waiting, and markets whose cached seconds miss a write.",
          "short",
          target(
            `sum by (instance) (${of("stofka_persist_redis_pending_states")})`,
            "states {{instance}}",
          ),
          target(
            `sum by (instance) (${of("stofka_persist_redis_stale_markets")})`,
            "markets {{instance}}",
          ),
        ),
        curves(
          "Cached ranges",
          "Rows offered to the ranges of candle requests; ended: all of them, since a write may have been lost.",
          "ops",
          target(sumRate("stofka_persist_range_rows_total", "kind"), "rows {{kind}}", NO_RANGE),
          target(sumRate("stofka_persist_ranges_ended_total", "instance"), "ended {{instance}}"),
        ),
      ],
    },
  ],
};
