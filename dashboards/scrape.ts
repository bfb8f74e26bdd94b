/** What Prometheus scrapes: `host:port` of each service's operator's port. */
export interface Targets {
  /** Which Stofka it is, as every series will say. */
  readonly environment: string;
  readonly services: Readonly<Record<string, readonly string[]>>;
}

/** Prometheus's configuration for given processes, such as those of the local stack. */
export function staticScrape({ environment, services }: Targets, ruleFiles: readonly string[]) {
  return prometheus(
    Object.entries(services).map(([service, targets]) => ({
      job_name: `stofka-${service}`,
      static_configs: [{ targets, labels: { environment } }],
    })),
    ruleFiles,
  );
}

/** Name of the operator's port in every pod, by which it is found. */
export const OPS_PORT_NAME = "ops";

/** Labels of every pod of ours. */
export const POD_LABELS = {
  partOf: "app.kubernetes.io/part-of",
  component: "app.kubernetes.io/component",
} as const;

/** Prometheus's configuration in a cluster: it finds our pods by their labels and their port named `ops`. */
export function podScrape(environment: string, namespace: string, ruleFiles: readonly string[]) {
  const meta = (name: string): string => `__meta_kubernetes_pod_${name}`;
  const label = (name: string): string => meta(`label_${name.replaceAll(/[^a-zA-Z0-9]/g, "_")}`);
  return prometheus([{
    job_name: "stofka",
    kubernetes_sd_configs: [{ role: "pod", namespaces: { names: [namespace] } }],
    relabel_configs: [
      { source_labels: [label(POD_LABELS.partOf)], regex: "stofka", action: "keep" },
      { source_labels: [meta("container_port_name")], regex: OPS_PORT_NAME, action: "keep" },
      { source_labels: [meta("phase")], regex: "Running", action: "keep" },
      {
        source_labels: [label(POD_LABELS.component)],
        target_label: "job",
        replacement: "stofka-$1",
      },
      { source_labels: [meta("name")], target_label: "instance" },
      { target_label: "environment", replacement: environment },
    ],
  }], ruleFiles);
}

function prometheus(scrapes: readonly unknown[], ruleFiles: readonly string[]): unknown {
  return {
    global: { scrape_interval: "5s", scrape_timeout: "4s", evaluation_interval: "15s" },
    rule_files: ruleFiles,
    scrape_configs: scrapes,
  };
}
