import type { Dashboard } from "../dashboard.ts";
import { curves, lowIsGood, stacked, stat, target, UP_IS_GOOD } from "../panel.ts";
import { of, quantiles, sumRate } from "../query.ts";

const NO_CLIENT = "nobody is connected to the stream";
const NEVER = "it never happened";

/** What readers get: SSE and HTTP. */
export const STREAM: Dashboard = {
  uid: "stofka-stream",
  title: "Stofka / Stream",
  description: "Replicas of stream: what they know, whom they serve, how fast, and whom they cut.",
  rows: [
    {
      title: "Known",
      panels: [
        stat(
          "Link, by ingest's marks",
          "What readers are told of the connection to the exchange.",
          "up",
          target(`min(${of("stofka_stream_link_up")})`),
          UP_IS_GOOD,
        ),
        stat(
          "Newest second read",
          "Of the replica that is furthest behind.",
          "s",
          target(`max(${of("stofka_stream_newest_second_age_seconds")})`),
          lowIsGood(10, 60),
        ),
        stat(
          "Newest ticker read",
          "Of the replica that is furthest behind.",
          "s",
          target(`max(${of("stofka_stream_newest_ticker_age_seconds")})`),
          lowIsGood(10, 60),
        ),
        stat(
          "Seconds held for tails",
          "What a new connection begins with, over all markets.",
          "short",
          target(`max(${of("stofka_stream_tail_rows")})`),
        ),
        curves(
          "Records behind",
          "Of each replica, as of its last fetch; above 3,000 it is not ready.",
          "short",
          target(
            `sum by (instance, topic) (${of("stofka_stream_lag_records")})`,
            "{{instance}} {{topic}}",
          ),
        ),
        curves(
          "Records read",
          "By topic; no news: an equal or newer revision was known.",
          "ops",
          target(sumRate("stofka_stream_records_total", "topic"), "{{topic}}"),
          target(sumRate("stofka_stream_stale_total", "topic"), "no news {{topic}}", NEVER),
          target(
            sumRate("stofka_stream_unreadable_total", "topic, code"),
            "unreadable {{topic}} {{code}}",
            NEVER,
          ),
        ),
      ],
    },
    {
      title: "Readers",
      panels: [
        curves(
          "Clients",
          "Connected, and of these behind.",
          "short",
          target(`sum by (instance) (${of("stofka_stream_clients")})`, "{{instance}}"),
          target(
            `sum by (instance) (${of("stofka_stream_behind_clients")})`,
            "behind {{instance}}",
          ),
          target(`sum by (instance) (${of("stofka_stream_groups")})`, "subscriptions {{instance}}"),
        ),
        curves(
          "From frame to reader",
          "From ingest's receipt to the first clients.",
          "s",
          ...quantiles("stofka_stream_received_to_sent_seconds", { mayBeEmpty: NO_CLIENT }),
        ),
        curves(
          "Time of a tick",
          "One round of writing to all clients; near 0.25 s the process is full.",
          "s",
          ...quantiles("stofka_stream_tick_seconds", { mayBeEmpty: NO_CLIENT }),
        ),
        curves(
          "Events, writes, conflated",
          "Events written, writes that carried them, and revisions a slow reader was spared.",
          "ops",
          target(sumRate("stofka_stream_events_sent_total", "instance"), "events {{instance}}"),
          target(sumRate("stofka_stream_writes_total", "instance"), "writes {{instance}}"),
          target(
            sumRate("stofka_stream_events_conflated_total", "instance"),
            "conflated {{instance}}",
          ),
        ),
        curves(
          "Bytes sent",
          "Of events.",
          "Bps",
          target(sumRate("stofka_stream_bytes_sent_total", "instance"), "{{instance}}"),
        ),
        curves(
          "Cut, refused, dropped",
          "Readers cut for being slow, connections refused by a limit, seconds that left the tail early.",
          "ops",
          target(sumRate("stofka_stream_clients_cut_total", "reason"), "cut {{reason}}", NEVER),
          target(
            sumRate("stofka_stream_clients_refused_total", "reason"),
            "refused {{reason}}",
            NEVER,
          ),
          target(sumRate("stofka_stream_tail_dropped_rows_total", "instance"), "tail {{instance}}"),
        ),
        curves(
          "Tails not taken yet",
          "Memory of the beginnings of connections.",
          "bytes",
          target(`sum by (instance) (${of("stofka_stream_tails_bytes")})`, "{{instance}}"),
        ),
      ],
    },
    {
      title: "HTTP",
      panels: [
        stacked(curves(
          "Answers",
          "By route and status.",
          "ops",
          target(
            sumRate("stofka_stream_request_seconds_count", "route, status"),
            "{{route}} {{status}}",
            "nobody asked",
          ),
        )),
        stacked(curves(
          "Candle requests by who answered",
          "Redis, or PostgreSQL and why.",
          "ops",
          target(
            sumRate("stofka_stream_candle_requests_total", "answer, reason"),
            "{{answer}} {{reason}}",
            "nobody asked",
          ),
        )),
        curves(
          "Fills of Redis",
          "Refused: an update came first, or Redis did not take it.",
          "ops",
          target(
            sumRate("stofka_stream_candle_fills_total", "outcome"),
            "{{outcome}}",
            "nobody asked",
          ),
        ),
        curves(
          "Candle requests by interval",
          "Those that joined one under way are not counted.",
          "ops",
          target(
            sumRate("stofka_stream_candle_requests_total", "interval"),
            "{{interval}}",
            "nobody asked",
          ),
        ),
        curves(
          "Time to answer",
          "By route; for a stream, to its beginning.",
          "s",
          ...quantiles("stofka_stream_request_seconds", {
            by: "route",
            mayBeEmpty: "nobody asked",
          }),
        ),
      ],
    },
  ],
};
