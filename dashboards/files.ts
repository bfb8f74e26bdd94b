import { ALERTS } from "./alerts/alerts.ts";
import { ruleFile, RUNBOOKS } from "./alerts/alert.ts";
import { alertmanagerConfig, type Receivers } from "./alerts/alertmanager.ts";
import { DASHBOARDS } from "./boards/all.ts";
import { dashboardJson } from "./dashboard.ts";

export const RULES_FILE = "prometheus/stofka.rules.json";
export const ALERTMANAGER_FILE = "alertmanager/alertmanager.json";

/** Every file that Grafana, Prometheus and Alertmanager are given, by its path. All are JSON, which is YAML too. */
export function monitoringFiles(
  { receivers, runbooks = RUNBOOKS }: {
    readonly receivers: Receivers;
    readonly runbooks?: string;
  },
): ReadonlyMap<string, string> {
  return new Map([
    ...DASHBOARDS.map((dashboard): [string, string] => [
      `grafana/${dashboard.uid}.json`,
      text(dashboardJson(dashboard)),
    ]),
    [RULES_FILE, text(ruleFile(ALERTS, runbooks))],
    [ALERTMANAGER_FILE, text(alertmanagerConfig(receivers))],
  ]);
}

export function text(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
