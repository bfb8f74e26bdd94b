import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { registries } from "../dev/metrics.ts";
import { buildInfo, showBuildInfo } from "#adapters/build_info.ts";
import { watchLoop } from "#adapters/ops_server.ts";
import { type IngestGauges, ingestGauges, ingestMetrics } from "./ingest/metrics.ts";
import { type RepairGauges, repairGauges, repairMetrics } from "./ingest/repair/metrics.ts";
import { AnswerMetrics } from "./persist/answers/answer_metrics.ts";
import { ParityGauges } from "./persist/answers/parity_state.ts";
import { GapGauge } from "./persist/gap_watch.ts";
import { PersistMetrics } from "./persist/metrics.ts";
import { RangeMetrics } from "./persist/range_metrics.ts";
import { RelayMetrics } from "./persist/relay_metrics.ts";
import { candleMeter } from "./stream/history/range_metrics.ts";
import { Positions } from "./stream/kafka/positions.ts";
import { Hub } from "./stream/sse/hub.ts";
import { streamMetrics, watchState } from "./stream/metrics.ts";
import { Board } from "./stream/state/board.ts";

/** What an operator scrapes from each service, with the rules that names, units, labels and HELP texts follow. */

interface Sample {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly { readonly labels: Readonly<Record<string, unknown>> }[];
}

function ingest(): Registry {
  const registry = new Registry();
  ingestMetrics(registry);
  const zero = new Proxy({}, { get: () => () => 0 }) as IngestGauges;
  ingestGauges(registry, zero);
  return registry;
}

/** A loop of ingest, which may be any of several: its metrics bear its own name. */
function repair(): Registry {
  const registry = new Registry();
  repairMetrics(registry);
  const zero = new Proxy({}, { get: () => () => 0 }) as RepairGauges;
  repairGauges(registry, zero);
  return registry;
}

function persist(): Registry {
  const registry = new Registry();
  const zero = () => 0;
  new PersistMetrics(registry, zero).watch(registry, {
    waiting: zero,
    redisPending: zero,
    redisStale: zero,
  });
  new RelayMetrics(registry, zero);
  new AnswerMetrics(registry);
  new ParityGauges(registry);
  new RangeMetrics(registry);
  return registry;
}

/** A loop of persist: what is missing is everybody's. */
function gap(): Registry {
  const registry = new Registry();
  new GapGauge(registry);
  return registry;
}

function stream(): Registry {
  const registry = new Registry();
  const { hub: meter } = streamMetrics(registry);
  const limit = 1;
  const hub = new Hub({
    clientsMax: limit,
    clientsPerAddressMax: limit,
    unsentBytesMax: limit,
    behindMsMax: limit,
    mailboxEntriesMax: limit,
    tailBytesMax: limit,
    tickMsMin: limit,
    tickMsMax: limit,
    heartbeatMs: limit,
  }, {
    now: () => 0,
    monotonicMs: () => 0,
    later: () => {},
    chance: () => 0,
    tail: () => "",
    meter,
  });
  const board = new Board({ tailRowsMax: 1_000, partitions: 12 });
  watchState(registry, { hub, board, positions: new Positions(), now: () => 0 });
  candleMeter(registry);
  return registry;
}

function common(): Registry {
  const registry = new Registry();
  showBuildInfo(registry, buildInfo());
  watchLoop(registry).stop();
  return registry;
}

const services = { ingest, repair, persist, gap, stream, common };

/** The last word of a gauge's or histogram's name: its unit, or what is counted. */
const UNITS = [
  "seconds",
  "bytes",
  "ratio",
  "info",
  "up",
  ...["batches", "clients", "groups", "markets", "marks", "records", "rows", "states"],
];

/** Everything a label may be called; each has few values. */
const LABELS: Readonly<Record<string, string>> = {
  answer: "redis or postgres",
  cause: "BREAK_CAUSES or GAP_CAUSES",
  code: "codes of Failures, which are written in the source",
  interval: "INTERVALS",
  kind: "a few words, in HELP",
  outcome: "a few words, in HELP",
  partition: "PARTITIONS",
  permanent: "yes or no",
  reason: "a few words, in the source",
  result: "a few words, in HELP",
  route: "paths of the API, `file` and `other`",
  runtime: "one",
  stage: "a few words, in HELP",
  state: "a few words, in HELP",
  status: "HTTP statuses",
  store: "one",
  topic: "TOPICS",
  verdict: "LEDGER_VERDICTS",
  version: "one",
  window: "PARITY_WINDOWS",
};

describe.each(Object.entries(services))("metrics of %s", (name, make) => {
  const registry = make();
  const metrics = registry.getMetricsAsArray() as unknown as readonly {
    readonly name: string;
    readonly help: string;
    readonly labelNames: readonly string[];
  }[];

  test("can be scraped", async () => {
    const text = await registry.metrics();
    for (const { name } of metrics) expect(text).toContain(`# TYPE ${name} `);
  });

  test.each(metrics.map(({ name }) => name))("%s", async (metric) => {
    const { help, labelNames } = metrics.find((one) => one.name === metric)!;
    const { type } = (await registry.getMetricsAsJSON() as unknown as readonly Sample[])
      .find((one) => one.name === metric)!;
    expect(metric).toMatch(
      name === "common" ? /^stofka_[a-z0-9_]+$/ : new RegExp(`^stofka_${name}_[a-z0-9_]+$`),
    );
    expect(metric.endsWith("_total")).toBe(type === "counter");
    if (type !== "counter") {
      expect(UNITS).toContain(metric.replace(/_max$/, "").split("_").at(-1));
    }
    // times are seconds, sizes are bytes
    expect(metric).not.toMatch(/_(?:ms|milliseconds|minutes|kb|mb|mib|percent)(?:_|$)/);
    expect(help).toMatch(/^[A-Z0-9].*[.]$/);
    expect(help).not.toMatch(/\n|\s{2}/);
    expect(labelNames.filter((label) => !(label in LABELS))).toEqual([]);
  });
});

test("npm run metrics prints what the services have: every name, both ways", () => {
  const namesOf = (registry: Registry) => registry.getMetricsAsArray().map(({ name }) => name);
  const told = Object.entries(registries()).map(([service, registry]) =>
    [service === "each service" ? "common" : service, namesOf(registry).sort()] as const
  );
  const had = Object.entries(services).map(([service, make]) =>
    [service, namesOf(make()).sort()] as const
  );
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(had));
});

test("no two services give a name two meanings", () => {
  const names = Object.values(services).flatMap((make) =>
    make().getMetricsAsArray().map(({ name }) => name)
  );
  expect(new Set(names).size).toBe(names.length);
});
