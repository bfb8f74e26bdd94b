import { join } from "node:path";
import { databaseName, type Namespace } from "#core/namespace.ts";
import { permissionsOf, SERVICE_NAMES, type ServiceName } from "../../services/permissions.ts";
import type { ExchangeAddress, ExchangeKind } from "./exchange_choice.ts";
import type { Part } from "./part.ts";
import type { Ports } from "./ports.ts";
import { postgresUrl } from "./postgres_server.ts";
import type { Runtime } from "./runtime.ts";
import type { Secrets } from "./secrets.ts";

export interface ServicesOptions {
  readonly checkout: string;
  readonly runtime: Runtime;
  readonly namespace: Namespace;
  readonly kafka: string;
  readonly redis: string;
  readonly ports: Required<Ports>;
  readonly secrets: Secrets;
  readonly exchange: ExchangeAddress & { readonly kind: ExchangeKind };
  readonly markets: string;
  readonly webRoot: string;
  /** Of second candles, whole days; 0 keeps all. */
  readonly secondsKeptDays: number;
  /** What PostgreSQL's databases may take before the oldest day of seconds goes; 0 = no limit. */
  readonly postgresBytesMax: number;
  /** Requests a second that repair may make of the exchange. */
  readonly restBudget: number;
  readonly logLevel: string;
}

/**
 * The three services, each with its settings and no permission beyond what these need. ingest counts as started once its
 * process answers: whether the exchange can be reached is the world's affair, and the stack runs without it.
 */
export function serviceParts(options: ServicesOptions): Part[] {
  return SERVICE_NAMES.map((name) => {
    const env = { ...settingsOf(name, options), ...options.runtime.env };
    const main = join(options.checkout, "services", name, "main.ts");
    return {
      name,
      ...options.runtime.command(permissionsOf(name, env), main),
      env,
      cwd: options.checkout,
      stopSignal: "SIGTERM",
      ready: () => (name === "ingest" ? isAlive : isReady)(opsUrl(name, options.ports)),
    };
  });
}

/** Base address of a service's operator's port. */
export function opsUrl(name: ServiceName, ports: Required<Ports>): string {
  return `http://127.0.0.1:${ports[`${name}Ops`]}`;
}

function settingsOf(name: ServiceName, options: ServicesOptions): Record<string, string> {
  const { namespace, ports, secrets, exchange } = options;
  const database = (role: string, password: string) =>
    postgresUrl(ports.postgres, role, password, databaseName(namespace));
  const common = {
    NAMESPACE: namespace,
    KAFKA_BROKERS: options.kafka,
    OPS_HOST: "127.0.0.1",
    OPS_PORT: String(ports[`${name}Ops`]),
    LOG_LEVEL: options.logLevel,
  };
  switch (name) {
    case "ingest":
      return {
        ...common,
        EXCHANGE_KIND: exchange.kind,
        EXCHANGE_WS_URL: exchange.ws,
        EXCHANGE_REST_URL: exchange.rest,
        MARKETS: options.markets,
        POSTGRES_URL: database("stofka_repair", secrets.postgresRepair),
        REST_BUDGET: String(options.restBudget),
      };
    case "persist":
      return {
        ...common,
        POSTGRES_URL: database("stofka_persist", secrets.postgresPersist),
        REDIS_URL: options.redis,
        SECONDS_KEPT_DAYS: String(options.secondsKeptDays),
        POSTGRES_BYTES_MAX: String(options.postgresBytesMax),
      };
    case "stream":
      return {
        ...common,
        EXCHANGE_KIND: exchange.kind,
        POSTGRES_URL: database("stofka_stream", secrets.postgresStream),
        REDIS_URL: options.redis,
        HTTP_HOST: "127.0.0.1",
        HTTP_PORT: String(ports.page),
        WEB_ROOT: options.webRoot,
      };
  }
}

/** Rejects with what /readyz says is missing. */
export async function isReady(ops: string): Promise<void> {
  const missing = await whatIsMissing(ops);
  if (missing.length > 0) throw new Error(missing.join("; "));
}

/** Rejects while the process does not answer; what it lacks does not matter. */
async function isAlive(ops: string): Promise<void> {
  await whatIsMissing(ops);
}

/** The reasons of /readyz; none when the service is ready. Rejects while it does not answer. */
export async function whatIsMissing(ops: string): Promise<readonly string[]> {
  const answer = await fetch(`${ops}/readyz`, { signal: AbortSignal.timeout(2_000) });
  const { ready, reasons } = await answer.json() as { ready: boolean; reasons: readonly string[] };
  return ready ? [] : reasons;
}
