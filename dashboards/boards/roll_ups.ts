import type { Dashboard } from "../dashboard.ts";
import { curves, lowIsGood, stacked, stat, target } from "../panel.ts";
import { of, quantiles, rate, sumRate } from "../query.ts";

/** Minutes to months: how soon after their end they are out. */
export const ROLL_UPS: Dashboard = {
  uid: "stofka-roll-ups",
  title: "Stofka / Roll-ups",
  description:
    "Rows of 1m to 1mo as the relay carries them from PostgreSQL to Kafka. What pg_cron's jobs do inside PostgreSQL is not scraped yet.",
  rows: [{
    title: "Relay",
    panels: [
      stat(
        "Minute out after its end, p90",
        "A closed minute is out within 3 s of its end.",
        "s",
        target(
          `histogram_quantile(0.9, sum by (le) (rate(${
            of("stofka_persist_relay_delay_seconds_bucket")
          }[5m])))`,
        ),
        lowIsGood(3, 5),
      ),
      stat(
        "Minutes in 5 minutes",
        "Rows of 1m sent, forming and closed.",
        "short",
        target(
          `sum(increase(${of("stofka_persist_relay_rows_total", `interval="1m"`)}[5m]))`,
        ),
      ),
      stacked(curves(
        "Rows sent",
        "By interval; forming candles count with every revision.",
        "ops",
        target(sumRate("stofka_persist_relay_rows_total", "interval"), "{{interval}}"),
      )),
      curves(
        "Minute out after its end",
        "Only minutes that ended less than 60 s before.",
        "s",
        ...quantiles("stofka_persist_relay_delay_seconds"),
        target(
          `sum(${rate("stofka_persist_relay_delay_seconds_sum")}) / sum(${
            rate("stofka_persist_relay_delay_seconds_count")
          })`,
          "mean",
        ),
      ),
      curves(
        "Steps repeated",
        "PostgreSQL was away; the relay goes on where it was.",
        "ops",
        target(sumRate("stofka_persist_relay_retries_total", "instance"), "{{instance}}"),
      ),
    ],
  }],
};
