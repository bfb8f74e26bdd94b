import type { Dashboard } from "../dashboard.ts";
import { curves, lowIsGood, stacked, stat, target, UP_IS_GOOD } from "../panel.ts";
import { of, quantiles, sumRate } from "../query.ts";

const NO_CLIENT = "nobody is connected to the stream";

/** The first look: is what a trader sees the present, and is everything kept? */
export const OVERVIEW: Dashboard = {
  uid: "stofka-overview",
  title: "Stofka / Overview",
  description: "Freshness, gaps, reconnects, lag and readers. Each row has a dashboard of its own.",
  rows: [
    {
      title: "Now",
      panels: [
        stat(
          "Link to the exchange",
          "1 while at least one ingest holds its WebSocket. Off: no new data; the seconds until it is back are a gap.",
          "up",
          target(`max(${of("stofka_ingest_link_up")})`),
          UP_IS_GOOD,
        ),
        stat(
          "Age of the newest second",
          "Time since ingest received the newest second that a replica of stream has read. A few seconds when all is well.",
          "s",
          target(`max(${of("stofka_stream_newest_second_age_seconds")})`),
          lowIsGood(10, 60),
        ),
        stat(
          "Age of the newest mark stored",
          "Ingest writes a mark each second; older than some seconds: Kafka or persist does not keep up.",
          "s",
          target(`max(${of("stofka_persist_newest_mark_age_seconds")})`),
          lowIsGood(5, 15),
        ),
        stat(
          "Markets covered",
          "Markets of the coverage session: asked for and accepted. 0: nothing is covered at the moment.",
          "short",
          target(`max(${of("stofka_ingest_covered_markets")})`),
        ),
        stat(
          "Targets down",
          "Processes that Prometheus cannot scrape.",
          "short",
          target(`count(${of("up", `job=~"stofka-.+"`)} == 0) or vector(0)`),
          lowIsGood(1, 1),
        ),
        stat(
          "Readers",
          "SSE clients connected, over all replicas.",
          "short",
          target(`sum(${of("stofka_stream_clients")})`),
        ),
      ],
    },
    {
      title: "Kept and complete",
      panels: [
        curves(
          "Seconds not covered",
          "Share of the wanted market-seconds that no coverage session contained: the gaps that repair has to close. With a spare, each process counts its own.",
          "percentunit",
          target(
            `${sumRate("stofka_ingest_gap_seconds_total", "instance")} / (${
              sumRate("stofka_ingest_gap_seconds_total", "instance")
            } + ${sumRate("stofka_ingest_covered_seconds_total", "instance")})`,
            "{{instance}}",
          ),
        ),
        stacked(curves(
          "Ends of the connection or session",
          "Per second, by cause. Each is a short gap; many of a kind are a fault.",
          "ops",
          target(sumRate("stofka_ingest_breaks_total", "cause"), "{{cause}}"),
        )),
        curves(
          "Dead letters",
          "Records that could not be stored, by reason: each may be a hole.",
          "ops",
          target(
            sumRate("stofka_persist_dead_letters_total", "code"),
            "{{code}}",
            "nothing was refused",
          ),
        ),
      ],
    },
    {
      title: "Fast",
      panels: [
        curves(
          "Records behind",
          "Records that persist and each replica of stream have not handled, as of their last fetch.",
          "short",
          target(`sum(${of("stofka_persist_lag_records")})`, "persist"),
          target(`sum by (instance) (${of("stofka_stream_lag_records")})`, "stream {{instance}}"),
        ),
        curves(
          "From frame to reader",
          "From ingest's receipt of a frame to its event written to the first SSE clients.",
          "s",
          ...quantiles("stofka_stream_received_to_sent_seconds", { mayBeEmpty: NO_CLIENT }),
        ),
        curves(
          "From frame to PostgreSQL",
          "From ingest's receipt of the newest record of a transaction until it was stored.",
          "s",
          ...quantiles("stofka_persist_stage_seconds", { matchers: `stage="stored"` }),
        ),
      ],
    },
    {
      title: "Processes",
      panels: [
        curves(
          "Event loop's longest stand",
          "Longest time within 10 to 20 s in which a process did nothing else; at 5 s it calls itself dead.",
          "s",
          target(
            `max by (service, instance) (${of("stofka_event_loop_delay_seconds_max")})`,
            "{{service}} {{instance}}",
          ),
        ),
        curves(
          "Versions",
          "What runs where: two at once while an update rolls.",
          "short",
          target(
            `count by (service, version, runtime) (${of("stofka_build_info")})`,
            "{{service}} {{version}} on {{runtime}}",
          ),
        ),
      ],
    },
  ],
};
