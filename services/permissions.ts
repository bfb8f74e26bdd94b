/**
 * The flags of each service under Deno: its memory, and what it may do: talk to and listen on exactly the hosts of its settings, read its settings, and ask the
 * few facts of the system that its packages want. No service may start a program, write a file, or load native code; the page's folder is the only
 * one that is read. The local stack and the tests start the services with these, and so do the images.
 */
export function permissionsOf(
  service: ServiceName,
  settings: Readonly<Record<string, string>>,
): readonly string[] {
  const hosts = [...new Set(hostsOf(settings))];
  const reads = settings["WEB_ROOT"];
  return [
    MEMORY,
    `--allow-net=${hosts.join(",")}`,
    `--allow-env=${[...COMMON_SETTINGS, ...OWN_SETTINGS[service]].join(",")}`,
    "--ignore-env",
    `--allow-sys=${SYSTEM_FACTS.join(",")}`,
    ...(reads === undefined || reads === "" ? [] : [`--allow-read=${reads}`]),
  ];
}

/**
 * How large the part of the heap for what lives briefly may grow, MB, and by how much the rest may grow, %, before it is
 * collected. By itself V8 lets both grow to a multiple and gives little back. Of persist and stream in the third minute of a
 * first fill: 184 and 207 MB with the first alone, 136 and 178 with both; CPU as before.
 */
const MEMORY = "--v8-flags=--max-semi-space-size=4,--heap-growing-percent=50";

export const SERVICE_NAMES = ["ingest", "persist", "stream"] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/**
 * The settings of each. Any other variable of the environment looks absent (`--ignore-env`), since packages ask for many:
 * ioredis even lists all of them, which would otherwise need the permission to read all.
 */
const OWN_SETTINGS: Readonly<Record<ServiceName, readonly string[]>> = {
  ingest: [
    "EXCHANGE_KIND",
    "EXCHANGE_WS_URL",
    "EXCHANGE_REST_URL",
    "MARKETS",
    "MARKET_LIST_EVERY_S",
    "OUTBOX_MIB",
    "OUTBOX_RECORDS",
    "POSTGRES_URL",
    "REST_BUDGET",
  ],
  persist: ["POSTGRES_URL", "POSTGRES_BYTES_MAX", "REDIS_URL", "SECONDS_KEPT_DAYS"],
  stream: [
    "EXCHANGE_KIND",
    "POSTGRES_URL",
    "REDIS_URL",
    "HTTP_HOST",
    "HTTP_PORT",
    "HTTP_ALLOWED_HOSTS",
    "HTTP_PROXY_TRUSTED",
    "WEB_ROOT",
    "SSE_CLIENTS_MAX",
    "SSE_CLIENTS_PER_ADDRESS_MAX",
    "SSE_UNSENT_BYTES_MAX",
    "SSE_BEHIND_MS_MAX",
    "TAIL_ROWS_MAX",
  ],
};

const COMMON_SETTINGS = ["NAMESPACE", "KAFKA_BROKERS", "OPS_HOST", "OPS_PORT", "LOG_LEVEL"];

/** Deno's own, as the packages ask for them: the host's name goes into each line of the log. */
const SYSTEM_FACTS: readonly string[] = ["hostname"];

/** `host:port` of everything a service talks to or listens on. */
function hostsOf(settings: Readonly<Record<string, string>>): string[] {
  const hosts = (settings["KAFKA_BROKERS"] ?? "").split(",");
  for (const name of ["EXCHANGE_WS_URL", "EXCHANGE_REST_URL", "POSTGRES_URL", "REDIS_URL"]) {
    const value = settings[name];
    if (value !== undefined) hosts.push(hostAndPort(value));
  }
  for (const name of ["OPS", "HTTP"]) {
    const port = settings[`${name}_PORT`];
    if (port !== undefined) hosts.push(`${settings[`${name}_HOST`] ?? "127.0.0.1"}:${port}`);
  }
  return hosts.filter((host) => host !== "");
}

const PORTS: Readonly<Record<string, number>> = {
  "ws:": 80,
  "http:": 80,
  "wss:": 443,
  "https:": 443,
  "postgres:": 5432,
  "postgresql:": 5432,
  "redis:": 6379,
  "rediss:": 6379,
};

function hostAndPort(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port === "" ? PORTS[protocol] : port}`;
}
