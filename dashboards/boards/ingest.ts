import type { Dashboard } from "../dashboard.ts";
import { curves, lowIsGood, stacked, stat, target, UP_IS_GOOD } from "../panel.ts";
import { of, quantiles, rate, sumRate } from "../query.ts";

/** The exchange's side: the socket, what it covers, and what waits for Kafka. */
export const INGEST: Dashboard = {
  uid: "stofka-ingest",
  title: "Stofka / Ingest",
  description: "The connection to the exchange, coverage, and the way into Kafka.",
  rows: [
    {
      title: "Link",
      panels: [
        stat(
          "Link up",
          "1 while the WebSocket to the exchange is up.",
          "up",
          target(`min(${of("stofka_ingest_link_up")})`),
          UP_IS_GOOD,
        ),
        stat(
          "Since the last frame",
          "The exchange sends something every second; silence ends the connection.",
          "s",
          target(`max(${of("stofka_ingest_frame_age_seconds")})`),
          lowIsGood(5, 20),
        ),
        stat(
          "Since the last pong",
          "A half-open connection answers no ping.",
          "s",
          target(`max(${of("stofka_ingest_pong_age_seconds")})`),
          lowIsGood(15, 25),
        ),
        stat(
          "Age of the session",
          "Since when the coverage session lasts; 0: none.",
          "s",
          target(`max(${of("stofka_ingest_session_age_seconds")})`),
        ),
        stacked(curves(
          "Frames",
          "Received from the exchange, by what they are. Unreadable or error: see the log.",
          "ops",
          target(sumRate("stofka_ingest_frames_total", "kind"), "{{kind}}"),
        )),
        curves(
          "Bytes received",
          "Of the exchange's frames.",
          "Bps",
          target(sumRate("stofka_ingest_frame_bytes_total", "instance"), "{{instance}}"),
        ),
        stacked(curves(
          "Connects and breaks",
          "Attempts to connect by result, and ends by cause, per second.",
          "ops",
          target(sumRate("stofka_ingest_connects_total", "result"), "connect {{result}}"),
          target(sumRate("stofka_ingest_breaks_total", "cause"), "break {{cause}}"),
        )),
      ],
    },
    {
      title: "Coverage",
      panels: [
        curves(
          "Markets",
          "Asked for in the newest frame, covered by the session, and of these silent since.",
          "short",
          target(`max(${of("stofka_ingest_asked_markets")})`, "asked"),
          target(`max(${of("stofka_ingest_covered_markets")})`, "covered"),
          target(`max(${of("stofka_ingest_silent_markets")})`, "silent"),
        ),
        curves(
          "Market-seconds covered and not",
          "Per second: with all markets covered, the number of markets.",
          "ops",
          target(
            sumRate("stofka_ingest_covered_seconds_total", "instance"),
            "covered {{instance}}",
          ),
          target(sumRate("stofka_ingest_gap_seconds_total", "instance"), "gap {{instance}}"),
        ),
        curves(
          "Sessions, marks and lists",
          "Sessions opened; marks put and skipped (skipped: earlier ones still wait for Kafka); answers to the market list.",
          "ops",
          target(sumRate("stofka_ingest_sessions_total", "instance"), "session {{instance}}"),
          target(sumRate("stofka_ingest_marks_total", "result"), "mark {{result}}"),
          target(sumRate("stofka_ingest_market_list_total", "result"), "list {{result}}"),
        ),
      ],
    },
    {
      title: "Into Kafka",
      panels: [
        curves(
          "Buffer's load",
          "How full the buffer for Kafka is; at 1 elements are dropped and the session ends.",
          "percentunit",
          target(`max by (instance) (${of("stofka_ingest_outbox_load_ratio")})`, "{{instance}}"),
        ),
        curves(
          "Waiting",
          "Elements and marks waiting for Kafka or on their way.",
          "short",
          target(
            `sum by (instance) (${of("stofka_ingest_outbox_records")})`,
            "elements {{instance}}",
          ),
          target(`sum by (instance) (${of("stofka_ingest_outbox_marks")})`, "marks {{instance}}"),
        ),
        curves(
          "Waiting, memory",
          "Memory of the elements waiting for Kafka.",
          "bytes",
          target(`sum by (instance) (${of("stofka_ingest_outbox_bytes")})`, "{{instance}}"),
        ),
        curves(
          "Records acknowledged and dropped",
          "Per second. Any drop is a gap.",
          "ops",
          target(sumRate("stofka_ingest_kafka_records_total", "instance"), "sent {{instance}}"),
          target(sumRate("stofka_ingest_dropped_total", "instance"), "dropped {{instance}}"),
        ),
        curves(
          "Time of a send",
          "From a send to its acknowledgement, retries included.",
          "s",
          ...quantiles("stofka_ingest_kafka_send_seconds"),
        ),
        curves(
          "From frame to Kafka",
          "From a frame's reception to its acknowledgement, for the oldest of each send.",
          "s",
          ...quantiles("stofka_ingest_received_to_kafka_seconds"),
        ),
      ],
    },
    {
      title: "The exchange's own delay",
      panels: [
        curves(
          "Received after",
          "A candle: after its second's end. A ticker: after its timestamp. By two machines' clocks, so an offset of ours shows here.",
          "s",
          ...quantiles("stofka_ingest_received_after_seconds", { by: "kind" }),
        ),
        curves(
          "Mean delay",
          "The same as a mean: a slow drift is a clock's.",
          "s",
          target(
            `sum by (kind) (${rate("stofka_ingest_received_after_seconds_sum")}) / sum by (kind) (${
              rate("stofka_ingest_received_after_seconds_count")
            })`,
            "{{kind}}",
          ),
        ),
      ],
    },
  ],
};
