import { core } from "@pulumi/kubernetes";
import {
  all,
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  output,
} from "@pulumi/pulumi";
import { ALERTS } from "../dashboards/alerts/alerts.ts";
import { ruleFile } from "../dashboards/alerts/alert.ts";
import { alertmanagerConfig } from "../dashboards/alerts/alertmanager.ts";
import { DASHBOARDS } from "../dashboards/boards/all.ts";
import { dashboardJson } from "../dashboards/dashboard.ts";
import { text } from "../dashboards/files.ts";
import { podScrape } from "../dashboards/scrape.ts";
import type { StackConfig } from "./config.ts";
import { metadataOf } from "./pod.ts";

const COMPONENT = "monitoring";
/** Where the rules are mounted beside the configuration. */
const RULES_PATH = "/etc/prometheus/stofka.rules.json";

/**
 * What Grafana, Prometheus and Alertmanager are to read, in the namespace where they run. The servers themselves are not
 * made here. Dashboards carry the label by which Grafana's usual sidecar finds them.
 */
export class StofkaMonitoring extends ComponentResource {
  constructor(
    { config, namespace }: {
      readonly config: StackConfig;
      /** Kubernetes namespace of the services, where Prometheus finds its targets. */
      readonly namespace: Input<string>;
    },
    options?: ComponentResourceOptions,
  ) {
    super("stofka:infra:Monitoring", COMPONENT, {}, options);
    const own = { parent: this };
    const { monitoringNamespace, environment, runbooks, secrets } = config;
    const metadata = (name: string) => metadataOf(COMPONENT, monitoringNamespace, name);
    for (const dashboard of DASHBOARDS) {
      const name = `dashboard-${dashboard.uid}`;
      const base = metadata(name);
      new core.v1.ConfigMap(name, {
        metadata: { ...base, labels: { ...base.labels, grafana_dashboard: "1" } },
        data: { [`${dashboard.uid}.json`]: text(dashboardJson(dashboard)) },
      }, own);
    }
    new core.v1.ConfigMap("stofka-prometheus", {
      metadata: metadata("stofka-prometheus"),
      data: {
        "prometheus.json": output(namespace).apply((found) =>
          text(podScrape(environment, found, [RULES_PATH]))
        ),
        "stofka.rules.json": text(ruleFile(ALERTS, runbooks)),
      },
    }, own);
    // the addresses of receivers are secrets: whoever knows one can call
    new core.v1.Secret("stofka-alertmanager", {
      metadata: metadata("stofka-alertmanager"),
      stringData: {
        "alertmanager.json": all([secrets.alertCriticalUrl, secrets.alertWarningUrl]).apply(
          ([criticalUrl, warningUrl]) => text(alertmanagerConfig({ criticalUrl, warningUrl })),
        ),
      },
    }, own);
    this.registerOutputs({});
  }
}
