import { databaseName } from "#core/namespace.ts";
import { Failure } from "#core/failure.ts";
import { permissionsOf, type ServiceName } from "../services/permissions.ts";
import type { SecretName, StackSettings } from "./config.ts";
import { type Egress, egressTo } from "./egress.ts";

/** What a service is given, worked out before anything is declared. No secret's value is in it. */
export interface ServicePlan {
  readonly name: ServiceName;
  readonly replicas: number;
  readonly command: readonly string[];
  /** The environment, but for what is secret. */
  readonly plain: Readonly<Record<string, string>>;
  /** Addresses with a password: without it here, and whose it is. */
  readonly secret: Readonly<Record<string, SecretAddress>>;
  readonly ports: readonly NamedPort[];
  readonly egress: readonly Egress[];
  readonly resources: Resources;
}

export interface SecretAddress {
  readonly address: string;
  readonly password: SecretName;
}

export interface NamedPort {
  readonly name: "ops" | "http";
  readonly port: number;
}

export interface Resources {
  readonly cpuRequest: string;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
}

export const OPS_PORT = 9_090;
export const HTTP_PORT = 8_080;
/** Where the image keeps the checkout and the built page. */
export const IMAGE_FOLDER = "/stofka";
export const WEB_ROOT = `${IMAGE_FOLDER}/dist/web`;

/** Settings that stay as the code has them unless `overrides` says otherwise: limits that few need to move. */
export const KEPT_AT_DEFAULT: Readonly<Record<ServiceName, readonly string[]>> = {
  ingest: ["MARKET_LIST_EVERY_S", "OUTBOX_MIB", "OUTBOX_RECORDS", "REST_BUDGET"],
  persist: ["POSTGRES_BYTES_MAX"],
  stream: [
    "SSE_CLIENTS_MAX",
    "SSE_CLIENTS_PER_ADDRESS_MAX",
    "SSE_UNSENT_BYTES_MAX",
    "SSE_BEHIND_MS_MAX",
    "TAIL_ROWS_MAX",
  ],
};

/** By the measured footprint (bench/README.md), with room for what the limits allow to wait. */
const RESOURCES: Readonly<Record<ServiceName, Resources>> = {
  ingest: { cpuRequest: "100m", memoryRequest: "160Mi", memoryLimit: "384Mi" },
  persist: { cpuRequest: "200m", memoryRequest: "256Mi", memoryLimit: "512Mi" },
  stream: { cpuRequest: "200m", memoryRequest: "256Mi", memoryLimit: "768Mi" },
};

/** @throws Failure `override_unknown` */
export function servicePlan(name: ServiceName, settings: StackSettings): ServicePlan {
  const plain = { ...commonSettings(settings), ...ownSettings(name, settings) };
  for (const [key, value] of Object.entries(settings.overrides[name] ?? {})) {
    if (!KEPT_AT_DEFAULT[name].includes(key)) {
      throw new Failure(
        "override_unknown",
        `overrides may not set ${key} of ${name}; it may set ${KEPT_AT_DEFAULT[name].join(", ")}`,
      );
    }
    plain[key] = value;
  }
  const secret = secretAddresses(name, settings);
  const addresses = Object.fromEntries(
    Object.entries(secret).map(([key, { address }]) => [key, address]),
  );
  return {
    name,
    replicas: settings[`${name}Replicas`],
    command: denoCommand(
      permissionsOf(name, { ...plain, ...addresses }),
      `services/${name}/main.ts`,
    ),
    plain,
    secret,
    ports: [
      { name: "ops", port: OPS_PORT },
      ...(name === "stream" ? [{ name: "http", port: HTTP_PORT } as const] : []),
    ],
    egress: egressTo(name, settings),
    resources: RESOURCES[name],
  };
}

/** Runs a module of the image with just these permissions. */
export function denoCommand(permissions: readonly string[], module: string): readonly string[] {
  return ["deno", "run", "--no-prompt", "--cached-only", ...permissions, module];
}

/** Without its password, which {@link withPassword} adds. */
export function postgresAddress(role: string, settings: StackSettings, readOnly: boolean): string {
  const { postgresHost, postgresPort, postgresSslMode, dataNamespace } = settings;
  const address = new URL(
    `postgres://${role}@${postgresHost}:${postgresPort}/${databaseName(dataNamespace)}`,
  );
  address.searchParams.set("sslmode", postgresSslMode);
  // every further parameter becomes a setting of the session
  if (readOnly) address.searchParams.set("default_transaction_read_only", "on");
  return address.href;
}

/** The address with its password, whatever characters that has. */
export function withPassword(address: string, password: string): string {
  return address.replace("@", `:${encodeURIComponent(password)}@`);
}

function commonSettings({ dataNamespace, kafkaBrokers }: StackSettings): Record<string, string> {
  return {
    NAMESPACE: dataNamespace,
    KAFKA_BROKERS: kafkaBrokers.join(","),
    OPS_HOST: "0.0.0.0",
    OPS_PORT: String(OPS_PORT),
    LOG_LEVEL: "info",
  };
}

function ownSettings(name: ServiceName, settings: StackSettings): Record<string, string> {
  switch (name) {
    case "ingest":
      return {
        EXCHANGE_KIND: settings.exchangeKind,
        EXCHANGE_WS_URL: settings.exchangeWsUrl,
        EXCHANGE_REST_URL: settings.exchangeRestUrl,
        MARKETS: settings.markets,
      };
    case "persist":
      return { SECONDS_KEPT_DAYS: String(settings.secondsKeptDays) };
    case "stream":
      return {
        EXCHANGE_KIND: settings.exchangeKind,
        HTTP_HOST: "0.0.0.0",
        HTTP_PORT: String(HTTP_PORT),
        HTTP_ALLOWED_HOSTS: settings.publicHosts,
        // nobody but the edge reaches the port: see network_policy.ts
        HTTP_PROXY_TRUSTED: "true",
        WEB_ROOT,
      };
  }
}

function secretAddresses(
  name: ServiceName,
  settings: StackSettings,
): Readonly<Record<string, SecretAddress>> {
  const { redisHost, redisPort, redisTls } = settings;
  const redis = {
    address: `${redisTls === "true" ? "rediss" : "redis"}://@${redisHost}:${redisPort}`,
    password: "redisPassword",
  } as const;
  switch (name) {
    case "ingest":
      return {
        // only to ask what is missing
        POSTGRES_URL: {
          address: postgresAddress("stofka_repair", settings, true),
          password: "repairPassword",
        },
      };
    case "persist":
      return {
        POSTGRES_URL: {
          address: postgresAddress("stofka_persist", settings, false),
          password: "persistPassword",
        },
        REDIS_URL: redis,
      };
    case "stream":
      return {
        POSTGRES_URL: {
          address: postgresAddress("stofka_stream", settings, true),
          password: "streamPassword",
        },
        REDIS_URL: redis,
      };
  }
}
