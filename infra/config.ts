import { Config, type Output } from "@pulumi/pulumi";
import {
  hostList,
  oneOf,
  parsed,
  readSettings,
  type Setting,
  type Settings,
  text,
  url,
  wholeNumber,
} from "#core/config.ts";
import { EXCHANGE_KINDS } from "#core/exchange_kind.ts";
import { Failure, shown } from "#core/failure.ts";
import { marketFilter } from "#core/market.ts";
import { namespace } from "#core/namespace.ts";

/** Plain settings of a stack, by their names in Pulumi.<stack>.yaml (`stofka:image`). */
const SPEC = {
  /** The services' image: by digest, or by a tag that says which. */
  image: matching("image", /^[\w./:-]+(?::(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/, {
    what: "an image by digest or by a tag other than latest",
  }),
  /** How this Stofka is called in metrics and alerts. */
  environment: matching("environment", /^[a-z][a-z0-9-]{0,30}$/, {
    fallback: "production",
    what: "lower-case letters, digits and hyphens",
  }),
  kubernetesNamespace: matching("kubernetesNamespace", /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/, {
    fallback: "stofka",
    what: "a name that Kubernetes takes",
  }),
  /** Prefix of topics and Redis keys: empty for the real exchange. */
  dataNamespace: parsed("dataNamespace", namespace, ""),
  exchangeKind: oneOf("exchangeKind", EXCHANGE_KINDS, "upbit"),
  exchangeWsUrl: url("exchangeWsUrl", ["ws:", "wss:"], "wss://api.upbit.com/websocket/v1"),
  exchangeRestUrl: url("exchangeRestUrl", ["http:", "https:"], "https://api.upbit.com/v1"),
  /** As MARKETS of ingest. */
  markets: parsed("markets", (value) => {
    marketFilter(value);
    return value;
  }, "all"),
  /** Every broker by the name that it advertises: the services may talk to no other. */
  kafkaBrokers: hostList("kafkaBrokers"),
  kafkaReplicas: wholeNumber("kafkaReplicas", 1, 9, 3),
  kafkaCidrs: cidrs("kafkaCidrs"),
  postgresHost: host("postgresHost"),
  postgresPort: wholeNumber("postgresPort", 1, 65_535, 5432),
  postgresCidrs: cidrs("postgresCidrs"),
  postgresSslMode: oneOf("postgresSslMode", ["disable", "require", "verify-full"], "require"),
  /** Makes roles and database; no service knows it. */
  postgresAdmin: text("postgresAdmin", "postgres"),
  /** The one database in which the server's pg_cron keeps its jobs (`cron.database_name`). */
  cronDatabase: text("cronDatabase", "stofka"),
  redisHost: host("redisHost"),
  redisPort: wholeNumber("redisPort", 1, 65_535, 6379),
  redisTls: oneOf("redisTls", ["true", "false"], "true"),
  redisCidrs: cidrs("redisCidrs"),
  secondsKeptDays: wholeNumber("secondsKeptDays", 0, 3_650, 0),
  ingestReplicas: wholeNumber("ingestReplicas", 1, 2, 1),
  persistReplicas: wholeNumber("persistReplicas", 1, 12, 2),
  streamReplicas: wholeNumber("streamReplicas", 1, 100, 2),
  /** Names by which browsers call the stream, comma separated. */
  publicHosts: text("publicHosts"),
  /** Namespaces whose pods may reach stream's page, and every operator's port. */
  edgeNamespace: text("edgeNamespace", "edge"),
  monitoringNamespace: text("monitoringNamespace", "monitoring"),
  /** Where docs/runbooks can be read. */
  runbooks: text("runbooks", "docs/runbooks"),
  /** Settings of services other than their defaults: `{"stream": {"SSE_CLIENTS_MAX": "8000"}}`. */
  overrides: parsed("overrides", overrides, "{}"),
} as const;

/** Settings that are encrypted in Pulumi.<stack>.yaml, and stay secret in every output. */
const SECRETS = [
  "postgresAdminPassword",
  "ownerPassword",
  "persistPassword",
  "streamPassword",
  "repairPassword",
  "redisPassword",
  "alertCriticalUrl",
  "alertWarningUrl",
] as const;

export type SecretName = (typeof SECRETS)[number];

export type StackSettings = Settings<typeof SPEC>;
export interface StackConfig extends StackSettings {
  readonly secrets: Readonly<Record<SecretName, Output<string>>>;
}

export const CONFIG_NAMES: readonly string[] = [
  ...Object.values(SPEC).map(({ name }) => name),
  ...SECRETS,
];

/**
 * The stack's whole configuration, read once.
 *
 * @throws Failure `settings_invalid`, naming everything that is wrong
 */
export function stackConfig(config: Config = new Config("stofka")): StackConfig {
  const absent = SECRETS.filter((name) => config.getSecret(name) === undefined)
    .map((name) => `${name} is missing (pulumi config set --secret)`);
  let settings: StackSettings;
  try {
    settings = readSettings(SPEC, (name) => config.get(name));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure("settings_invalid", [error.message, ...absent].join("; "), error.cause);
  }
  if (absent.length > 0) throw new Failure("settings_invalid", absent.join("; "));
  const secrets = Object.fromEntries(
    SECRETS.map((name) => [name, config.requireSecret(name)]),
  ) as Record<SecretName, Output<string>>;
  return { ...settings, secrets };
}

function matching(
  name: string,
  form: RegExp,
  { fallback, what }: { readonly fallback?: string; readonly what: string },
): Setting<string> {
  return {
    name,
    ...(fallback === undefined ? {} : { fallback }),
    read: (value) => {
      if (form.test(value)) return value;
      throw new Failure("setting_invalid", `${name} is ${shown(value)}, expected ${what}`);
    },
  };
}

function host(name: string): Setting<string> {
  return matching(name, /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, { what: "a host name or address" });
}

/** `10.0.1.0/24,10.0.2.0/24`: where a NetworkPolicy lets a service go. */
function cidrs(name: string): Setting<readonly string[]> {
  return {
    name,
    read: (value) => {
      const list = value.split(",").map((cidr) => cidr.trim());
      const wrong = list.find((cidr) => !/^\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}$/.test(cidr));
      if (wrong === undefined) return list;
      throw new Failure(
        "setting_invalid",
        `${name} has ${shown(wrong)}, expected addresses such as 10.0.1.0/24, comma separated`,
      );
    },
  };
}

type Overrides = Readonly<Record<string, Readonly<Record<string, string>>>>;

function overrides(value: string): Overrides {
  const wrong = (): Failure =>
    new Failure("overrides_invalid", `${shown(value)} is not {"service": {"NAME": "text"}}`);
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch {
    throw wrong();
  }
  const isObject = (one: unknown): one is object =>
    typeof one === "object" && one !== null && !Array.isArray(one);
  if (!isObject(json)) throw wrong();
  for (const settings of Object.values(json)) {
    if (!isObject(settings)) throw wrong();
    if (Object.values(settings).some((setting) => typeof setting !== "string")) throw wrong();
  }
  return json as Overrides;
}
