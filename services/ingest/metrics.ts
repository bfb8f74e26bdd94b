import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { BREAK_CAUSES } from "#core/mark.ts";

/** What ingest counts. The HELP texts are the reference. */
export interface IngestMetrics {
  readonly frames: Counter<"kind">;
  readonly frameBytes: Counter;
  readonly connects: Counter<"result">;
  readonly breaks: Counter<"cause">;
  readonly sessions: Counter;
  readonly dropped: Counter;
  readonly marks: Counter<"result">;
  readonly sendSeconds: Histogram;
  readonly sentRecords: Counter;
  readonly acknowledgedAfterSeconds: Histogram;
  readonly coveredSeconds: Counter;
  readonly uncoveredSeconds: Counter;
  readonly receivedAfterSeconds: Histogram<"kind">;
  readonly listings: Counter<"result">;
}

/** Values that are read when somebody looks. */
export interface IngestGauges {
  linkUp(): boolean;
  secondsSinceFrame(): number;
  secondsSincePong(): number;
  sessionAgeSeconds(): number;
  marketsAsked(): number;
  marketsCovered(): number;
  marketsSilent(): number;
  outboxRecords(): number;
  outboxBytes(): number;
  outboxMarks(): number;
  /** 0 to 1. */
  outboxLoad(): number;
}

export const FRAME_KINDS = [
  "candle",
  "ticker",
  "error",
  "status",
  "subscriptions",
  "unreadable",
] as const;

export function ingestMetrics(registry: Registry): IngestMetrics {
  const registers = [registry];
  const metrics: IngestMetrics = {
    frames: new Counter({
      name: "stofka_ingest_frames_total",
      help: "Frames received from the exchange, by what they are.",
      labelNames: ["kind"],
      registers,
    }),
    frameBytes: new Counter({
      name: "stofka_ingest_frame_bytes_total",
      help: "Bytes of the frames received from the exchange.",
      registers,
    }),
    connects: new Counter({
      name: "stofka_ingest_connects_total",
      help: "Attempts to connect to the exchange's WebSocket, by result: up or failed.",
      labelNames: ["result"],
      registers,
    }),
    breaks: new Counter({
      name: "stofka_ingest_breaks_total",
      help: "Ends of a connection that was up, or of a session on it, by cause.",
      labelNames: ["cause"],
      registers,
    }),
    sessions: new Counter({
      name: "stofka_ingest_sessions_total",
      help: "Coverage sessions opened: subscriptions of which we know what the exchange accepted.",
      registers,
    }),
    dropped: new Counter({
      name: "stofka_ingest_dropped_total",
      help:
        "Elements dropped because what waits for Kafka reached its limit. Each drop ends the session.",
      registers,
    }),
    marks: new Counter({
      name: "stofka_ingest_marks_total",
      help: "Coverage marks, by result: put, or skipped because earlier ones still wait for Kafka.",
      labelNames: ["result"],
      registers,
    }),
    sendSeconds: new Histogram({
      name: "stofka_ingest_kafka_send_seconds",
      help: "Time from a send to Kafka to its acknowledgement, retries included.",
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
      registers,
    }),
    sentRecords: new Counter({
      name: "stofka_ingest_kafka_records_total",
      help: "Records acknowledged by Kafka, marks and listings included.",
      registers,
    }),
    acknowledgedAfterSeconds: new Histogram({
      name: "stofka_ingest_received_to_kafka_seconds",
      help:
        "From a frame's reception to its acknowledgement by Kafka, for the oldest frame of each send.",
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300],
      registers,
    }),
    coveredSeconds: new Counter({
      name: "stofka_ingest_covered_seconds_total",
      help: "Seconds of markets that a coverage session contained, summed over the markets.",
      registers,
    }),
    uncoveredSeconds: new Counter({
      name: "stofka_ingest_gap_seconds_total",
      help:
        "Seconds of wanted markets that no coverage session contained, summed over the markets: the gaps that repair has to close.",
      registers,
    }),
    receivedAfterSeconds: new Histogram({
      name: "stofka_ingest_received_after_seconds",
      help:
        "For a candle: from its second's end to its reception; for a ticker: from its timestamp. By two machines' clocks; snapshots not counted.",
      labelNames: ["kind"],
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 30],
      registers,
    }),
    listings: new Counter({
      name: "stofka_ingest_market_list_total",
      help: "Requests for the exchange's market list, by result: ok or failed.",
      labelNames: ["result"],
      registers,
    }),
  };
  // a series that exists from the start shows its first increase
  for (const kind of FRAME_KINDS) metrics.frames.inc({ kind }, 0);
  for (const cause of BREAK_CAUSES) metrics.breaks.inc({ cause }, 0);
  for (const result of ["up", "failed"]) metrics.connects.inc({ result }, 0);
  for (const result of ["put", "skipped"]) metrics.marks.inc({ result }, 0);
  for (const result of ["ok", "failed"]) metrics.listings.inc({ result }, 0);
  return metrics;
}

export function ingestGauges(registry: Registry, read: IngestGauges): void {
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name: `stofka_ingest_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  };
  gauge("link_up", "1 while the WebSocket to the exchange is up.", () => read.linkUp() ? 1 : 0);
  gauge("frame_age_seconds", "Time since the last frame.", () => read.secondsSinceFrame());
  gauge("pong_age_seconds", "Time since the last pong.", () => read.secondsSincePong());
  gauge(
    "session_age_seconds",
    "Age of the coverage session; 0 without one.",
    () => read.sessionAgeSeconds(),
  );
  gauge("asked_markets", "Markets in the newest subscribe frame.", () => read.marketsAsked());
  gauge(
    "covered_markets",
    "Markets of the session: asked for and accepted.",
    () => read.marketsCovered(),
  );
  gauge(
    "silent_markets",
    "Markets of the session that sent nothing since it was asked for.",
    () => read.marketsSilent(),
  );
  gauge(
    "outbox_records",
    "Elements waiting for Kafka or on their way.",
    () => read.outboxRecords(),
  );
  gauge("outbox_bytes", "Memory of the elements waiting for Kafka.", () => read.outboxBytes());
  gauge(
    "outbox_marks",
    "Coverage marks waiting for Kafka or on their way.",
    () => read.outboxMarks(),
  );
  gauge(
    "outbox_load_ratio",
    "How full the buffer for Kafka is, by the scarcer of records and bytes; at 1 frames are dropped.",
    () => read.outboxLoad(),
  );
}
