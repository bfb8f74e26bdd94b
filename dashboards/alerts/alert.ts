/** Critical: wake somebody. Warning: look within the working day. */
export type Severity = "critical" | "warning";

/** One alert rule. Its runbook is docs/runbooks/<runbook>.md, its panel lies on the dashboard named. */
export interface Alert {
  /** `StofkaLinkDown` */
  readonly name: string;
  /** PromQL that answers with a series for each fault. */
  readonly expression: string;
  /** How long it must hold, in Prometheus's spelling: `1m`. */
  readonly holds: string;
  readonly severity: Severity;
  /** One sentence; `{{ $labels.x }}` is Prometheus's to fill in. */
  readonly summary: string;
  /** What it means for users, and what not. */
  readonly description: string;
  readonly runbook: string;
  /** uid of a dashboard. */
  readonly dashboard: string;
}

/** Where the pages of docs/runbooks lie for whoever is called; by default the path in the repository. */
export const RUNBOOKS = "docs/runbooks";

/** The rules as Prometheus reads them (JSON is YAML). */
export function ruleFile(alerts: readonly Alert[], runbooks: string = RUNBOOKS): unknown {
  return {
    groups: [{
      name: "stofka",
      interval: "15s",
      rules: alerts.map((alert) => ({
        alert: alert.name,
        expr: alert.expression,
        for: alert.holds,
        labels: { severity: alert.severity },
        annotations: {
          summary: alert.summary,
          description: alert.description,
          runbook: `${runbooks}/${alert.runbook}.md`,
          dashboard: alert.dashboard,
        },
      })),
    }],
  };
}
