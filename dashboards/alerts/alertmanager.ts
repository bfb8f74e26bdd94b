/** Where calls go: addresses that take Alertmanager's webhook (a chat, a pager's gateway). They are secrets in themselves. */
export interface Receivers {
  readonly criticalUrl: string;
  readonly warningUrl: string;
}

/**
 * Alertmanager's configuration (JSON is YAML). One call for each alert and environment; what only follows from a fault that
 * is called already stays quiet.
 */
export function alertmanagerConfig({ criticalUrl, warningUrl }: Receivers): unknown {
  return {
    route: {
      receiver: "warning",
      group_by: ["alertname", "environment"],
      group_wait: "10s",
      group_interval: "1m",
      repeat_interval: "4h",
      routes: [{ matchers: [`severity="critical"`], receiver: "critical", repeat_interval: "1h" }],
    },
    inhibit_rules: [
      quiet("StofkaLinkDown", "StofkaDataStale|StofkaCoverageGapGrowing|StofkaReconnecting"),
      quiet("StofkaOutboxFilling", "StofkaDataStale|StofkaCoverageGapGrowing"),
      quiet("StofkaPostgresAway", "StofkaPersistLag|StofkaDataStale|StofkaRollUpLate"),
    ],
    receivers: [
      { name: "critical", webhook_configs: [{ url: criticalUrl, send_resolved: true }] },
      { name: "warning", webhook_configs: [{ url: warningUrl, send_resolved: true }] },
    ],
  };
}

function quiet(source: string, targets: string): unknown {
  return {
    source_matchers: [`alertname="${source}"`],
    target_matchers: [`alertname=~"${targets}"`],
    equal: ["environment"],
  };
}
