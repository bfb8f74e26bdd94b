import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { ROLES } from "#core/database_roles.ts";
import { TOPIC_PLANS } from "#core/topics.ts";
import { ingestSettings } from "../services/ingest/config.ts";
import { permissionsOf, SERVICE_NAMES, type ServiceName } from "../services/permissions.ts";
import { persistSettings } from "../services/persist/config.ts";
import { readStreamSettings } from "../services/stream/config.ts";
import { DASHBOARDS } from "../dashboards/boards/all.ts";
import { KEPT_AT_DEFAULT } from "./service_plan.ts";
import {
  CONFIG,
  type Declared,
  isSecret,
  plainOf,
  SECRETS,
  settled,
  withMocks,
} from "./testing/mocks.ts";

/** The whole program against an engine that only remembers: what would be made, before anything is. */

let declared: readonly Declared[];

beforeAll(async () => {
  declared = await withMocks(CONFIG);
  await import("./index.ts");
  await settled(declared);
});

const of = (kind: string): readonly Declared[] =>
  declared.filter(({ type }) => type.endsWith(`:${kind}`));

// deno-lint-ignore no-explicit-any
function one(kind: string, name: string): any {
  const found = of(kind).filter((resource) => resource.name === name);
  expect(found.length, `${kind} ${name}`).toBe(1);
  return found[0]!.inputs;
}

const podOf = (name: string) => one("Deployment", `stofka-${name}`).spec.template.spec;

/** The environment that a service's process will see. */
function environmentOf(name: ServiceName): Record<string, string> {
  const secret = of("Secret").find((resource) => resource.name === `stofka-${name}`);
  return {
    ...one("ConfigMap", `stofka-${name}`).data,
    ...secret?.inputs.stringData.value,
  };
}

describe("all of it", () => {
  test("is declared once, and everything of ours says so", () => {
    expect(declared.length).toBeGreaterThan(40);
    const names = declared.map(({ type, name }) => `${type} ${name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { type, name, inputs } of declared) {
      if (!type.startsWith("kubernetes:") || type.endsWith(":Namespace")) continue;
      expect(inputs.metadata.labels, name).toMatchObject({ "app.kubernetes.io/part-of": "stofka" });
    }
  });

  test("no secret is plain, and every secret is used", () => {
    const plain = JSON.stringify(declared.map(({ inputs }) => plainOf(inputs)));
    expect(plain).not.toContain("SECRET");
    const all = JSON.stringify(declared);
    for (const value of Object.values(SECRETS)) {
      const spelled = [value, encodeURIComponent(value)];
      expect(spelled.some((one) => all.includes(one)), value).toBe(true);
    }
  });

  test("each service is given its own role's password, and nobody else's", () => {
    const known = (name: ServiceName) =>
      [...new Set(JSON.stringify(environmentOf(name)).match(/SECRET-[a-z]+/g))].sort();
    expect(known("ingest")).toEqual(["SECRET-repair"]);
    expect(known("persist")).toEqual(["SECRET-persist", "SECRET-redis"]);
    expect(known("stream")).toEqual(["SECRET-redis", "SECRET-stream"]);
  });
});

describe.each(SERVICE_NAMES)("%s", (name) => {
  test("is given every setting that it reads, or leaves it at its default on purpose", () => {
    const source = readFileSync(new URL(`../services/${name}/config.ts`, import.meta.url), "utf8");
    const read = [...source.matchAll(/\b[a-zA-Z]+\(\s*"([A-Z]+(?:_[A-Z]+)*)"/g)].map(([, key]) =>
      key!
    );
    expect(read.length).toBeGreaterThan(3);
    const given = Object.keys(environmentOf(name));
    expect(read.filter((key) => !given.includes(key) && !KEPT_AT_DEFAULT[name].includes(key)))
      .toEqual([]);
    // and nothing that it does not read
    expect(given.filter((key) => !read.includes(key) && key !== "LOG_LEVEL")).toEqual([]);
    expect(KEPT_AT_DEFAULT[name].filter((key) => !read.includes(key))).toEqual([]);
  });

  test("accepts the settings that it is given", () => {
    const environment = environmentOf(name);
    const readers = {
      ingest: ingestSettings,
      persist: persistSettings,
      stream: readStreamSettings,
    };
    expect(readers[name]((key) => environment[key])).toMatchObject({ opsHost: "0.0.0.0" });
  });

  test("starts with the permissions of services/permissions.ts for these very settings", () => {
    const { command } = podOf(name).containers[0];
    expect(command.slice(0, 4)).toEqual(["deno", "run", "--no-prompt", "--cached-only"]);
    expect(command.slice(4, -1)).toEqual(permissionsOf(name, environmentOf(name)));
    expect(command.at(-1)).toBe(`services/${name}/main.ts`);
    expect(command.join(" ")).toContain("kafka-2.example:9093");
    // its settings come from what it was given, under the names that the engine gave
    const sources = podOf(name).containers[0].envFrom;
    expect(sources[0]).toEqual({ configMapRef: { name: `stofka-${name}-0a1b2c` } });
  });

  test("can change nothing and become nobody", () => {
    const pod = podOf(name);
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    });
    expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
    expect(one("ServiceAccount", `stofka-${name}`).automountServiceAccountToken).toBe(false);
    expect(pod.containers).toHaveLength(1);
    const [container] = pod.containers;
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(container.resources.limits.memory).toMatch(/^\d+Mi$/);
    expect(container.resources.requests.cpu).toMatch(/^\d+m$/);
    expect(pod.volumes).toEqual([{ name: "cache", emptyDir: { sizeLimit: "128Mi" } }]);
  });

  test("is restarted for its event loop alone, and rolls without losing a reader", () => {
    const pod = podOf(name);
    const [container] = pod.containers;
    expect(container.livenessProbe.httpGet).toEqual({ path: "/healthz", port: "ops" });
    expect(container.readinessProbe.httpGet).toEqual({ path: "/readyz", port: "ops" });
    const leave = container.lifecycle.preStop.sleep.seconds;
    expect(leave).toBeGreaterThanOrEqual(10);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(leave + 5 + 60);
    expect(one("Deployment", `stofka-${name}`).spec).toMatchObject({
      minReadySeconds: 30,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    });
    expect(one("PodDisruptionBudget", `stofka-${name}`).spec.maxUnavailable).toBe(1);
  });

  test("selectors select its pods, and ports are those it listens on", () => {
    const { spec } = one("Deployment", `stofka-${name}`);
    const labels = spec.template.metadata.labels;
    const selectors = [
      spec.selector.matchLabels,
      one("Service", `stofka-${name}`).spec.selector,
      one("NetworkPolicy", `stofka-${name}`).spec.podSelector.matchLabels,
      one("PodDisruptionBudget", `stofka-${name}`).spec.selector.matchLabels,
    ];
    for (const selector of selectors) expect(selector).toEqual(labels);
    const environment = environmentOf(name);
    // deno-lint-ignore no-explicit-any
    const ports = podOf(name).containers[0].ports as any[];
    expect(Object.fromEntries(ports.map((port) => [port.name, String(port.containerPort)])))
      .toEqual({
        ops: environment["OPS_PORT"],
        ...(name === "stream" ? { http: environment["HTTP_PORT"] } : {}),
      });
  });

  test("is reached and reaches only what it needs", () => {
    const { spec } = one("NetworkPolicy", `stofka-${name}`);
    expect(spec.policyTypes).toEqual(["Ingress", "Egress"]);
    // deno-lint-ignore no-explicit-any
    const places = (rules: any[], side: "from" | "to") =>
      rules.map((rule) =>
        [
          // deno-lint-ignore no-explicit-any
          rule[side].map((place: any) =>
            place.ipBlock?.cidr ?? Object.values(place.namespaceSelector.matchLabels)[0]
          ).join(),
          // deno-lint-ignore no-explicit-any
          rule.ports.map((port: any) => port.port).join(),
        ].join(" ")
      );
    expect(places(spec.ingress, "from")).toEqual([
      "monitoring 9090",
      ...(name === "stream" ? ["edge 8080"] : []),
    ]);
    expect(places(spec.egress, "to")).toEqual([
      "kube-system 53,53",
      "10.1.0.0/24 9093",
      "10.2.0.0/24 5432",
      name === "ingest" ? "0.0.0.0/0 443" : "10.3.0.0/24 6379",
    ]);
  });
});

describe("database", () => {
  test("has the owner and the roles of core/database_roles.ts, each with a password of its own", () => {
    const roles = of("Role").map(({ inputs }) => inputs);
    expect(roles.map(({ name }) => name).sort()).toEqual(
      ["stofka_owner", ...ROLES.map(({ role }) => role)].sort(),
    );
    const passwords = roles.map(({ password }) => {
      expect(isSecret(password)).toBe(true);
      return password.value;
    });
    expect(new Set(passwords).size).toBe(roles.length);
    for (const role of roles) {
      expect(role).not.toHaveProperty("superuser");
      expect(role).not.toHaveProperty("createRole");
    }
  });

  test("readers' sessions are read-only from their address on, the writer's is not", () => {
    for (const { role, readOnly } of ROLES) {
      const name = { stofka_repair: "ingest", stofka_persist: "persist", stofka_stream: "stream" }[
        role
      ] as ServiceName;
      const address = new URL(environmentOf(name)["POSTGRES_URL"]!);
      expect(address.username).toBe(role);
      expect(address.searchParams.get("default_transaction_read_only")).toBe(
        readOnly ? "on" : null,
      );
    }
    const persist = new URL(environmentOf("persist")["POSTGRES_URL"]!);
    expect(decodeURIComponent(persist.password)).toBe(SECRETS["persistPassword"]);
    expect(persist.searchParams.get("sslmode")).toBe("require");
  });

  test("pg_cron is the owner's to use in the one database that it works in", () => {
    expect(one("Extension", "pg-cron")).toMatchObject({ name: "pg_cron", database: "stofka" });
    expect(one("Grant", "owner-uses-cron")).toMatchObject({
      role: "stofka_owner",
      schema: "cron",
      privileges: ["USAGE"],
    });
  });

  test("is migrated by the owner, whose password is nowhere else", () => {
    const { value } = one("Secret", "stofka-migrate").stringData;
    expect(new URL(value.POSTGRES_URL).username).toBe("stofka_owner");
    const { spec } = one("Job", "stofka-migrate").spec.template;
    expect(spec.containers[0].command.at(-1)).toBe("sql/migrate.ts");
    expect(spec.containers[0].securityContext.readOnlyRootFilesystem).toBe(true);
    expect(spec.restartPolicy).toBe("Never");
    const others = declared.filter(({ type, name }) =>
      !(type.endsWith(":Secret") && name === "stofka-migrate") && name !== "owner"
    );
    expect(JSON.stringify(others)).not.toContain("SECRET-owner");
  });
});

test("topics are those of core/topics.ts, three times over", () => {
  const topics = JSON.parse(one("ConfigMap", "stofka-topics").data["topics.json"]);
  expect(topics).toHaveLength(TOPIC_PLANS.length);
  expect(topics[0]).toMatchObject({
    name: TOPIC_PLANS[0]!.topic,
    partitions: TOPIC_PLANS[0]!.partitions,
    replicationFactor: 3,
    settings: { ...TOPIC_PLANS[0]!.settings, "min.insync.replicas": "2" },
  });
});

describe("monitoring", () => {
  test("Prometheus finds the pods by the labels and the port that they have", () => {
    const { data } = one("ConfigMap", "stofka-prometheus");
    const config = JSON.parse(data["prometheus.json"]);
    const [scrape] = config.scrape_configs;
    expect(scrape.kubernetes_sd_configs[0].namespaces.names).toEqual(["stofka"]);
    const labels = one("Deployment", "stofka-ingest").spec.template.metadata.labels;
    const label = (source: string) =>
      Object.entries(labels).find(([name]) =>
        source === `__meta_kubernetes_pod_label_${name.replaceAll(/[./-]/g, "_")}`
      )?.[1];
    // deno-lint-ignore no-explicit-any
    const rules = scrape.relabel_configs as any[];
    expect(label(rules[0].source_labels[0])).toBe(rules[0].regex);
    const job = rules.find((rule) => rule.target_label === "job");
    expect(label(job.source_labels[0])).toBe("ingest");
    expect(job.replacement).toBe("stofka-$1");
    expect(podOf("ingest").containers[0].ports[0].name).toBe(
      rules.find((rule) => rule.source_labels?.[0].endsWith("port_name")).regex,
    );
    expect(config.rule_files[0].endsWith("/stofka.rules.json")).toBe(true);
    expect(JSON.parse(data["stofka.rules.json"]).groups[0].rules.length).toBeGreaterThan(9);
  });

  test("Alertmanager's receivers are secrets", () => {
    const { stringData } = one("Secret", "stofka-alertmanager");
    expect(isSecret(stringData)).toBe(true);
    expect(stringData.value["alertmanager.json"]).toContain(SECRETS["alertCriticalUrl"]);
  });

  test("every dashboard fits a ConfigMap and carries the sidecar's label", () => {
    const boards = of("ConfigMap").filter(({ name }) => name.startsWith("dashboard-"));
    expect(boards).toHaveLength(DASHBOARDS.length);
    for (const { inputs } of boards) {
      expect(inputs.metadata.labels.grafana_dashboard).toBe("1");
      expect(JSON.stringify(inputs.data).length).toBeLessThan(500_000);
    }
  });
});
