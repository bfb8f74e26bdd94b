import process from "node:process";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { buildInfo, showBuildInfo } from "#adapters/build_info.ts";
import { watchLoop } from "#adapters/ops_server.ts";
import { ingestGauges, ingestMetrics } from "../services/ingest/metrics.ts";
import { repairGauges, repairMetrics } from "../services/ingest/repair/metrics.ts";
import { AnswerMetrics } from "../services/persist/answers/answer_metrics.ts";
import { ParityGauges } from "../services/persist/answers/parity_state.ts";
import { GapGauge } from "../services/persist/gap_watch.ts";
import { PersistMetrics } from "../services/persist/metrics.ts";
import { RangeMetrics } from "../services/persist/range_metrics.ts";
import { RelayMetrics } from "../services/persist/relay_metrics.ts";
import { candleMeter } from "../services/stream/history/range_metrics.ts";
import { streamMetrics, watchState } from "../services/stream/metrics.ts";

/** Prints every metric of the services with its type, unit, labels and meaning, from the code that makes them: no server runs. */
function main(): void {
  const text = Object.entries(registries()).map(([service, registry]) => {
    const metrics = registry.getMetricsAsArray() as unknown as readonly Described[];
    const sorted = [...metrics].sort((a, b) => a.name < b.name ? -1 : 1);
    return `${service}\n\n${sorted.map((metric) => `${describe(metric)}\n`).join("")}`;
  });
  process.stdout.write(text.join(""));
}

/** What prom-client's metrics hold though its types do not say so. */
interface Described {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

/** Each service's metrics, made as its main.ts makes them. What gauges would read is absent: nobody looks at a value here. */
export function registries(): Readonly<Record<string, Registry>> {
  const absent = {} as never;
  const ingest = new Registry();
  ingestMetrics(ingest);
  ingestGauges(ingest, absent);
  const repair = new Registry(); // a loop of ingest
  repairMetrics(repair);
  repairGauges(repair, absent);
  const persist = new Registry();
  new PersistMetrics(persist, () => 0).watch(persist, absent);
  new RelayMetrics(persist, () => 0);
  new AnswerMetrics(persist);
  new ParityGauges(persist);
  new RangeMetrics(persist);
  const gap = new Registry(); // a loop of persist
  new GapGauge(gap);
  const stream = new Registry();
  streamMetrics(stream);
  watchState(stream, absent);
  candleMeter(stream);
  const each = new Registry();
  watchLoop(each).stop();
  showBuildInfo(each, buildInfo());
  return { ingest, repair, persist, gap, stream, "each service": each };
}

function describe(metric: Described): string {
  const labels = metric.labelNames.length === 0 ? "" : `, labels ${metric.labelNames.join(", ")}`;
  return `  ${metric.name}\n    ${typeOf(metric)}, ${
    unitOf(metric.name)
  }${labels}\n    ${metric.help}\n`;
}

function typeOf(metric: unknown): string {
  if (metric instanceof Counter) return "counter";
  if (metric instanceof Histogram) return "histogram";
  if (metric instanceof Gauge) return "gauge";
  throw new Error("a metric of a type that is not told here");
}

/** Units are in the names, by Prometheus' rules: what bears none is a number of things. */
export function unitOf(name: string): string {
  const words = name.replace(/(?:_total|_max)+$/, "").split("_");
  return ["seconds", "bytes"].find((unit) => words.includes(unit)) ?? "count";
}

// The dashboards' tests ask for the registries alone.
if (import.meta.main) main();
