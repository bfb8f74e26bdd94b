import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { IntakeMeter } from "./kafka/intake.ts";
import { REPLICA_TOPICS } from "./kafka/replica_topics.ts";
import type { Positions } from "./kafka/positions.ts";
import type { Hub, HubMeter } from "./sse/hub.ts";
import type { Board } from "./state/board.ts";

const LATENCY_BUCKETS = [
  0.001,
  0.002,
  0.005,
  0.01,
  0.015,
  0.02,
  0.03,
  0.05,
  0.1,
  0.2,
  0.5,
  1,
  2,
  5,
  10,
  60,
];

export interface StreamMetrics {
  readonly hub: HubMeter;
  readonly intake: IntakeMeter;
  request(route: string, status: number, seconds: number): void;
  refused(reason: string): void;
}

/** The HELP texts are the reference. */
export function streamMetrics(registry: Registry): StreamMetrics {
  const registers = [registry];
  const counter = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ): Counter<Label> => new Counter({ name, help, labelNames: [...labelNames], registers });
  const events = counter("stofka_stream_events_sent_total", "Events written to SSE clients.");
  const writes = counter(
    "stofka_stream_writes_total",
    "Writes to SSE clients, one a client and tick.",
  );
  const bytes = counter(
    "stofka_stream_bytes_sent_total",
    "Bytes of events written to SSE clients.",
  );
  const conflated = counter(
    "stofka_stream_events_conflated_total",
    "Revisions a slow SSE client was not sent because a newer one replaced them while it was behind.",
  );
  const cut = counter(
    "stofka_stream_clients_cut_total",
    "SSE clients disconnected: behind for too long, or more changes waiting than are kept for one.",
    ["reason"],
  );
  const refused = counter(
    "stofka_stream_clients_refused_total",
    "SSE connections answered 503 because of a limit.",
    ["reason"],
  );
  const taken = counter("stofka_stream_records_total", "Kafka records read, by topic.", ["topic"]);
  const stale = counter(
    "stofka_stream_stale_total",
    "Records that were no news: an equal or newer revision was known.",
    ["topic"],
  );
  const unreadable = counter(
    "stofka_stream_unreadable_total",
    "Records skipped because they could not be read; persist keeps them in the dead letter.",
    ["topic", "code"],
  );
  const latency = new Histogram({
    name: "stofka_stream_received_to_sent_seconds",
    help: "From ingest's receipt of a frame to its event written to the first SSE clients.",
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const tick = new Histogram({
    name: "stofka_stream_tick_seconds",
    help: "Time one round of writing to SSE clients took.",
    buckets: LATENCY_BUCKETS.slice(0, -2),
    registers,
  });
  const requests = new Histogram({
    name: "stofka_stream_request_seconds",
    help: "Time to answer an HTTP request, by route and status; for a stream, to its beginning.",
    labelNames: ["route", "status"],
    buckets: LATENCY_BUCKETS.slice(0, -1),
    registers,
  });
  return {
    hub: {
      sent: (eventCount, writeCount, byteCount) => {
        events.inc(eventCount);
        writes.inc(writeCount);
        bytes.inc(byteCount);
      },
      latency: (ms) => latency.observe(Math.max(0, ms) / 1_000),
      conflated: (count) => conflated.inc(count),
      cut: (reason) => cut.inc({ reason }),
      tick: (ms) => tick.observe(ms / 1_000),
    },
    intake: {
      taken: (topic, records) => taken.inc({ topic }, records),
      stale: (topic) => stale.inc({ topic }),
      unreadable: (topic, code) => unreadable.inc({ topic, code }),
    },
    request: (route, status, seconds) => requests.observe({ route, status }, seconds),
    refused: (reason) => refused.inc({ reason }),
  };
}

/** Gauges that look at the state when they are asked. */
export function watchState(
  registry: Registry,
  { hub, board, positions, now }: {
    readonly hub: Hub;
    readonly board: Board;
    readonly positions: Positions;
    readonly now: () => number;
  },
): void {
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  };
  gauge("stofka_stream_clients", "SSE clients connected.", () => hub.clientCount);
  gauge("stofka_stream_behind_clients", "SSE clients that are behind.", () => hub.behindCount);
  gauge(
    "stofka_stream_groups",
    "Different subscriptions among the SSE clients.",
    () => hub.groupCount,
  );
  gauge(
    "stofka_stream_tails_bytes",
    "Bytes of tails that clients have not taken yet.",
    () => hub.tailBytes,
  );
  gauge("stofka_stream_tail_rows", "Seconds held for tails.", () => board.tailRows);
  new Counter({
    name: "stofka_stream_tail_dropped_rows_total",
    help: "Seconds that left the tail before their time because of TAIL_ROWS_MAX.",
    registers: [registry],
    collect() {
      this.reset();
      this.inc(board.tailDropped);
    },
  });
  const age = (receivedAtMs: number | undefined): number =>
    receivedAtMs === undefined || receivedAtMs === 0 ? NaN : (now() - receivedAtMs) / 1_000;
  gauge(
    "stofka_stream_newest_second_age_seconds",
    "Time since ingest received the newest second that this replica has read; NaN before the first.",
    () => age(board.newestCandle?.receivedAtMs),
  );
  gauge(
    "stofka_stream_newest_ticker_age_seconds",
    "Time since ingest received the newest ticker that this replica has read; NaN before the first.",
    () => age(board.newestTickerReceivedAtMs),
  );
  gauge(
    "stofka_stream_link_up",
    "1 while ingest's marks say that the link to the exchange is up.",
    () => board.link?.link === "up" ? 1 : 0,
  );
  new Gauge({
    name: "stofka_stream_lag_records",
    help: "Records of the partition this replica has not read yet, as of its last fetch.",
    labelNames: ["topic", "partition"],
    registers: [registry],
    collect() {
      for (const topic of REPLICA_TOPICS) {
        for (const [partition, records] of positions.lags(topic)) {
          this.set({ topic, partition }, records);
        }
      }
    },
  });
}
