import { Histogram, type Registry } from "prom-client";
import { readPromql } from "./promql.ts";
import { SCRAPE_LABELS, SERVICE_LABEL } from "../query.ts";

/** Every series that can be asked for, with its labels. */
export type KnownMetrics = ReadonlyMap<string, readonly string[]>;

/** What the services' registries offer, with the series that a histogram consists of and the labels that a scrape adds. */
export function knownMetrics(registries: readonly Registry[]): KnownMetrics {
  const known = new Map<string, readonly string[]>([["up", SCRAPE_LABELS]]);
  for (const registry of registries) {
    for (const metric of registry.getMetricsAsArray()) {
      const { name, labelNames } = metric as unknown as {
        readonly name: string;
        readonly labelNames: readonly string[];
      };
      const labels = [...labelNames, ...SCRAPE_LABELS, SERVICE_LABEL];
      if (!((metric as unknown) instanceof Histogram)) known.set(name, labels);
      else {
        known.set(`${name}_bucket`, [...labels, "le"]);
        for (const part of ["sum", "count"]) known.set(`${name}_${part}`, labels);
      }
    }
  }
  return known;
}

/** What an expression, and the names of its curves or its sentences, ask for and no service has; empty when all is known. */
export function unknownNames(expression: string, known: KnownMetrics, texts = ""): string[] {
  const { metrics, grouping } = readPromql(expression);
  const unknown: string[] = [];
  const offered = new Set<string>();
  for (const [metric, labels] of metrics) {
    const own = known.get(metric);
    if (own === undefined) {
      unknown.push(metric);
      continue;
    }
    for (const label of own) offered.add(label);
    unknown.push(
      ...labels.filter((label) => !own.includes(label)).map((label) => `${metric}{${label}}`),
    );
  }
  const named = [...texts.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map(([, label]) =>
    label!
  );
  unknown.push(...[...grouping, ...named].filter((label) => !offered.has(label)));
  return unknown;
}
