import type { BreakCause } from "#core/mark.ts";
import type { Alert } from "./alert.ts";

/** Causes of a break that are nobody's fault: a start, a new market, an orderly stop. */
const OWN_CAUSES = (["started", "markets_changed", "stopped"] satisfies BreakCause[]).join("|");

/**
 * Dead letters of a counter within the last ten minutes. A code's first letter makes its series, which increase() does not
 * see: hence the second half.
 */
function deadLetters(counter: string): string {
  const sum = "sum by (environment, code)";
  return `${sum} (increase(${counter}[10m])) > 0 or (${sum} (${counter}) unless ${sum} (${counter} offset 10m)) > 0`;
}

/** Why candle requests went to PostgreSQL though their range could have been cached. */
const REDIS_REASONS = "away|no_feed|feed_old|behind|arrears";

/**
 * What an operator is called for. Each is a condition of users or of the promises (fresh, nothing lost, honest), not of a
 * machine; a processor that is busy calls nobody.
 */
export const ALERTS: readonly Alert[] = [
  {
    name: "StofkaTargetDown",
    expression: `up{job=~"stofka-.+"} == 0`,
    holds: "1m",
    severity: "critical",
    summary: "{{ $labels.job }} at {{ $labels.instance }} cannot be scraped",
    description: "The process is gone, does not answer, or cannot be reached from Prometheus.",
    runbook: "target_down",
    dashboard: "stofka-overview",
  },
  {
    name: "StofkaServiceMissing",
    expression:
      `absent(up{job="stofka-ingest"}) or absent(up{job="stofka-persist"}) or absent(up{job="stofka-stream"})`,
    holds: "5m",
    severity: "critical",
    summary: "Prometheus knows no target of {{ $labels.job }}",
    description: "No process of the service runs, or the discovery of targets no longer finds it.",
    runbook: "service_missing",
    dashboard: "stofka-overview",
  },
  {
    name: "StofkaLinkDown",
    expression: "max by (environment) (stofka_ingest_link_up) == 0",
    holds: "1m",
    severity: "critical",
    summary: "No connection to the exchange in {{ $labels.environment }}",
    description:
      "No ingest holds its WebSocket. Every second until it is back is a gap, which only repair over REST can close.",
    runbook: "link_down",
    dashboard: "stofka-ingest",
  },
  {
    name: "StofkaReconnecting",
    expression:
      `sum by (environment, cause) (increase(stofka_ingest_breaks_total{cause!~"${OWN_CAUSES}"}[15m])) > 5`,
    holds: "0m",
    severity: "warning",
    summary:
      "The connection to the exchange keeps ending in {{ $labels.environment }}: {{ $labels.cause }}",
    description:
      "More than five ends of one cause in 15 minutes. Each is a short gap, and connecting counts against the exchange's limits.",
    runbook: "reconnecting",
    dashboard: "stofka-ingest",
  },
  {
    name: "StofkaDataStale",
    expression:
      "max by (environment) (stofka_persist_newest_mark_age_seconds) > 15 or max by (environment) (stofka_stream_newest_second_age_seconds) > 60",
    holds: "30s",
    severity: "critical",
    summary: "What users see in {{ $labels.environment }} is old",
    description:
      "The newest mark in persist is older than 15 s, or the newest second in a replica of stream older than 60 s.",
    runbook: "data_stale",
    dashboard: "stofka-overview",
  },
  {
    name: "StofkaCoverageGapGrowing",
    expression:
      "min by (environment) (rate(stofka_ingest_gap_seconds_total[5m]) / (rate(stofka_ingest_gap_seconds_total[5m]) + rate(stofka_ingest_covered_seconds_total[5m]))) > 0.01",
    holds: "5m",
    severity: "warning",
    summary: "More than 1 % of the markets' seconds are not covered in {{ $labels.environment }}",
    description:
      "Gaps grow though the link may be up. Rows may still come, but completeness is not known. By the best of several ingests.",
    runbook: "coverage_gap_growing",
    dashboard: "stofka-ingest",
  },
  {
    name: "StofkaOutboxFilling",
    expression: "max by (environment, instance) (stofka_ingest_outbox_load_ratio) > 0.5",
    holds: "15s",
    severity: "critical",
    summary: "Ingest {{ $labels.instance }} cannot get rid of what it receives",
    description:
      "The buffer for Kafka is half full. When it is full, elements are dropped and the session ends: a gap.",
    runbook: "outbox_filling",
    dashboard: "stofka-ingest",
  },
  {
    name: "StofkaPersistLag",
    expression: "max by (environment, topic, partition) (stofka_persist_lag_records) > 5000",
    holds: "2m",
    severity: "critical",
    summary:
      "Persist is behind by more than 5,000 records of {{ $labels.topic }} {{ $labels.partition }}",
    description:
      "History and Redis are late; nothing is lost while Kafka keeps the records (two days, or 512 MiB a partition).",
    runbook: "persist_lag",
    dashboard: "stofka-persist",
  },
  {
    name: "StofkaPostgresAway",
    expression: "sum by (environment) (rate(stofka_persist_retries_total[2m])) > 0",
    holds: "1m",
    severity: "critical",
    summary: "Persist does not reach PostgreSQL in {{ $labels.environment }}",
    description:
      "Transactions are repeated. Live events still reach readers; history is not answered.",
    runbook: "postgres_away",
    dashboard: "stofka-persist",
  },
  {
    name: "StofkaDeadLetterGrowing",
    expression: [
      deadLetters("stofka_persist_dead_letters_total"),
      deadLetters("stofka_persist_answer_dead_letters_total"),
    ].join(" or "),
    holds: "0m",
    severity: "warning",
    summary: "Records are refused in {{ $labels.environment }}: {{ $labels.code }}",
    description:
      "What could not be stored lies in market_dead_letter with its reason; what it held may be a hole.",
    runbook: "dead_letter_growing",
    dashboard: "stofka-persist",
  },
  {
    name: "StofkaRedisBypassed",
    expression: [
      "sum by (environment) (rate(stofka_persist_redis_failures_total[2m])) > 0",
      "max by (environment) (stofka_persist_redis_stale_markets) > 0",
      `sum by (environment) (rate(stofka_stream_candle_requests_total{reason=~"${REDIS_REASONS}"}[5m])) / sum by (environment) (rate(stofka_stream_candle_requests_total[5m])) > 0.5`,
    ].join(" or "),
    holds: "1m",
    severity: "warning",
    summary: "Redis is bypassed in {{ $labels.environment }}",
    description:
      "It does not take the latest states, or more than half of the candle requests go to PostgreSQL because of it. Nothing is held back or lost.",
    runbook: "redis_bypassed",
    dashboard: "stofka-persist",
  },
  {
    name: "StofkaRollUpLate",
    expression:
      `histogram_quantile(0.9, sum by (environment, le) (rate(stofka_persist_relay_delay_seconds_bucket[5m]))) > 5 or sum by (environment) (increase(stofka_persist_rows_total{outcome="effective"}[3m])) > 0 unless sum by (environment) (increase(stofka_persist_relay_rows_total{interval="1m"}[3m])) > 0`,
    holds: "3m",
    severity: "warning",
    summary: "Candles of a minute and more come late in {{ $labels.environment }}",
    description:
      "A closed minute is due 3 s after its end. Either more than a tenth takes over 5 s, or seconds are stored and no minute comes out.",
    runbook: "roll_up_late",
    dashboard: "stofka-roll-ups",
  },
  {
    name: "StofkaRepairStopped",
    expression:
      "max by (environment) (stofka_repair_asker_up) == 0 or (max by (environment) (stofka_repair_wanted_rows) > 0 unless sum by (environment) (increase(stofka_repair_answers_total[10m])) > 0)",
    holds: "10m",
    severity: "warning",
    summary: "Nothing is repaired in {{ $labels.environment }}",
    description:
      "No ingest asks the exchange for what is missing, or it asks and no answer comes. Gaps stay open, buckets incomplete; what the exchange no longer gives after three months is lost.",
    runbook: "repair_stopped",
    dashboard: "stofka-repair",
  },
  {
    name: "StofkaGapsRemain",
    // a gap that only just began, or that is being filled, falls within the hour
    expression:
      `sum by (environment) (max by (environment, cause) (stofka_gap_seconds{permanent="no"})) > 0`,
    holds: "60m",
    severity: "warning",
    summary: "Seconds have been missing in {{ $labels.environment }} for an hour",
    description:
      "A gap of a minute in all markets is closed within two at five requests a second. What the exchange no longer gives after three months is lost.",
    runbook: "gaps_remain",
    dashboard: "stofka-repair",
  },
  {
    name: "StofkaExchangeLimits",
    expression:
      `sum by (environment, result) (increase(stofka_repair_requests_total{result=~"too many|blocked"}[10m])) > 3`,
    holds: "0m",
    severity: "warning",
    summary: "The exchange limits us in {{ $labels.environment }}: {{ $labels.result }}",
    description:
      "Limits count for each address. Blocked (418) lasts, and grows with every further request.",
    runbook: "exchange_limits",
    dashboard: "stofka-repair",
  },
  {
    name: "StofkaStreamLag",
    expression: "sum by (environment, instance) (stofka_stream_lag_records) > 3000",
    holds: "1m",
    severity: "warning",
    summary: "The replica {{ $labels.instance }} of stream is behind",
    description: "Above 3,000 records it calls itself not ready and gets no new readers.",
    runbook: "stream_lag",
    dashboard: "stofka-stream",
  },
  {
    name: "StofkaReadersRefused",
    // Series of a reason begin with their first reader, as with dead letters; a limit that is met refuses again and again.
    expression:
      "sum by (environment, instance, reason) (rate(stofka_stream_clients_refused_total[5m])) > 0",
    holds: "1m",
    severity: "warning",
    summary: "{{ $labels.instance }} refuses readers: {{ $labels.reason }}",
    description: "A limit of connections is met: too few replicas, or one address with too many.",
    runbook: "readers_refused",
    dashboard: "stofka-stream",
  },
  {
    name: "StofkaEventLoopStalled",
    expression: "max by (environment, service, instance) (stofka_event_loop_delay_seconds_max) > 1",
    holds: "30s",
    severity: "warning",
    summary: "{{ $labels.service }} at {{ $labels.instance }} stands still for a second and more",
    description: "At 5 s the process calls itself dead and is restarted.",
    runbook: "event_loop_stalled",
    dashboard: "stofka-overview",
  },
];
