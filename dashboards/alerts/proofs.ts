/** Series and times at which an alert fires and is quiet again, as `promtool test rules` wants them. */
export interface Proof {
  readonly alert: string;
  /** Series to values, a value every 15 s, in promtool's notation: `1x8` repeats, `0+2x8` counts, `_` is none. */
  readonly series: Readonly<Record<string, string>>;
  /** When it fires, with the labels that it has beside severity. */
  readonly firesAt: string;
  readonly labels: Readonly<Record<string, string>>;
  /** When it is quiet: before, and after the fault. */
  readonly quietAt: readonly string[];
}

const E = `environment="test"`;
const I = `${E},instance="a:1"`;
const environment = "test";
const instance = "a:1";

/** One proof an alert; a rule that holds for long is given the time. */
export const PROOFS: readonly Proof[] = [
  {
    alert: "StofkaTargetDown",
    series: { [`up{job="stofka-ingest",${I}}`]: "1x8 0x11 1x20", [`up{job="other",${I}}`]: "0x40" },
    firesAt: "4m",
    labels: { job: "stofka-ingest", environment, instance },
    quietAt: ["1m", "6m"],
  },
  {
    alert: "StofkaServiceMissing",
    series: {
      [`up{job="stofka-ingest",${I}}`]: "1x120",
      [`up{job="stofka-persist",${I}}`]: "1x120",
      [`up{job="stofka-stream",${I}}`]: "1x8 _x60 1x30",
    },
    // a series is remembered for five minutes
    firesAt: "14m",
    labels: { job: "stofka-stream" },
    quietAt: ["1m", "11m", "20m"],
  },
  {
    alert: "StofkaLinkDown",
    series: {
      [`stofka_ingest_link_up{${I}}`]: "1x8 0x11 1x20",
      [`stofka_ingest_link_up{${E},instance="b:1"}`]: "0x40",
    },
    firesAt: "4m",
    labels: { environment },
    quietAt: ["1m30s", "6m"],
  },
  {
    alert: "StofkaReconnecting",
    series: {
      [`stofka_ingest_breaks_total{${I},cause="silent"}`]: "0x8 1+1x10 11x80",
      [`stofka_ingest_breaks_total{${I},cause="markets_changed"}`]: "0+1x100",
    },
    firesAt: "6m",
    labels: { environment, cause: "silent" },
    quietAt: ["2m", "24m"],
  },
  {
    alert: "StofkaDataStale",
    series: {
      [`stofka_persist_newest_mark_age_seconds{${I}}`]: "1x8 20x11 1x20",
    },
    firesAt: "4m",
    labels: { environment },
    quietAt: ["1m30s", "6m"],
  },
  {
    alert: "StofkaCoverageGapGrowing",
    series: {
      [`stofka_ingest_gap_seconds_total{${I}}`]: "0x40 0+100x40 4000x40",
      [`stofka_ingest_covered_seconds_total{${I}}`]: "0+4000x120",
    },
    firesAt: "18m",
    labels: { environment },
    quietAt: ["9m", "29m"],
  },
  {
    alert: "StofkaOutboxFilling",
    series: { [`stofka_ingest_outbox_load_ratio{${I}}`]: "0.1x8 0.7x11 0.1x20" },
    firesAt: "4m",
    labels: { environment, instance },
    quietAt: ["2m", "6m"],
  },
  {
    alert: "StofkaPersistLag",
    series: {
      [`stofka_persist_lag_records{${I},topic="market_ticker",partition="3"}`]:
        "10x8 9000x15 10x20",
    },
    firesAt: "5m",
    labels: { environment, topic: "market_ticker", partition: "3" },
    quietAt: ["3m", "7m"],
  },
  {
    alert: "StofkaPostgresAway",
    series: { [`stofka_persist_retries_total{${I},store="postgres"}`]: "0x8 0+1x12 12x30" },
    firesAt: "4m30s",
    labels: { environment },
    quietAt: ["2m", "9m"],
  },
  {
    alert: "StofkaDeadLetterGrowing",
    // the very first letter of its code, after 10 minutes without
    series: { [`stofka_persist_dead_letters_total{${I},code="decimal_too_long"}`]: "_x40 1x100" },
    firesAt: "12m",
    labels: { environment, code: "decimal_too_long" },
    quietAt: ["9m", "24m"],
  },
  {
    alert: "StofkaRedisBypassed",
    series: { [`stofka_persist_redis_failures_total{${I}}`]: "0x8 0+1x12 12x30" },
    firesAt: "4m30s",
    labels: { environment },
    quietAt: ["2m", "9m"],
  },
  {
    alert: "StofkaRollUpLate",
    // seconds are stored all the time; minutes come, stop, and come again
    series: {
      [`stofka_persist_rows_total{${I},outcome="effective"}`]: "0+100x120",
      [`stofka_persist_relay_rows_total{${I},interval="1m"}`]: "0+50x40 2000x40 2000+50x40",
    },
    firesAt: "18m",
    labels: { environment },
    quietAt: ["9m", "24m"],
  },
  {
    alert: "StofkaRepairStopped",
    // something is wanted all the time; answers come, stop, and come again
    series: {
      [`stofka_repair_asker_up{${I}}`]: "1x160",
      [`stofka_repair_asker_up{${E},instance="b:1"}`]: "0x160",
      [`stofka_repair_wanted_rows{${I}}`]: "5x160",
      [`stofka_repair_answers_total{${I},kind="gap"}`]: "0+1x40 40x100 40+1x20",
    },
    firesAt: "34m",
    labels: { environment },
    quietAt: ["19m", "38m"],
  },
  {
    alert: "StofkaGapsRemain",
    series: {
      [`stofka_gap_seconds{${I},cause="link_lost",permanent="no"}`]: "0x20 90x260 0x40",
      [`stofka_gap_seconds{${E},instance="b:1",cause="link_lost",permanent="no"}`]:
        "0x20 90x260 0x40",
      [`stofka_gap_seconds{${I},cause="unknown",permanent="yes"}`]: "7x320",
    },
    firesAt: "68m",
    labels: { environment },
    quietAt: ["60m", "75m"],
  },
  {
    alert: "StofkaExchangeLimits",
    series: {
      [`stofka_repair_requests_total{${I},result="blocked"}`]: "0x8 0+1x12 12x80",
      [`stofka_repair_requests_total{${I},result="ok"}`]: "0+9x100",
    },
    firesAt: "6m",
    labels: { environment, result: "blocked" },
    quietAt: ["2m", "20m"],
  },
  {
    alert: "StofkaStreamLag",
    series: {
      [`stofka_stream_lag_records{${I},topic="market_ticker",partition="3"}`]: "1x8 2000x11 1x20",
      [`stofka_stream_lag_records{${I},topic="market_ticker",partition="4"}`]: "1x8 2000x11 1x20",
    },
    firesAt: "4m",
    labels: { environment, instance },
    quietAt: ["2m", "6m"],
  },
  {
    alert: "StofkaReadersRefused",
    series: { [`stofka_stream_clients_refused_total{${I},reason="clients"}`]: "0x8 0+3x12 36x40" },
    firesAt: "5m",
    labels: { environment, instance, reason: "clients" },
    quietAt: ["2m", "12m"],
  },
  {
    alert: "StofkaEventLoopStalled",
    series: {
      [`stofka_event_loop_delay_seconds_max{${I},service="stream"}`]: "0.05x8 2x11 0.05x20",
    },
    firesAt: "4m",
    labels: { environment, instance, service: "stream" },
    quietAt: ["2m", "6m"],
  },
];
