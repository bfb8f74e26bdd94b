/**
 * What each service may do under Deno: talk to and listen on exactly the hosts of its settings, read its settings, and ask the
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
    `--allow-net=${hosts.join(",")}`,
    USES_IOREDIS[service]
      ? "--allow-env"
      : `--allow-env=${[...INGEST_SETTINGS, ...READ_BY_PACKAGES].join(",")}`,
    `--allow-sys=${SYSTEM_FACTS.join(",")}`,
    ...(reads === undefined || reads === "" ? [] : [`--allow-read=${reads}`]),
  ];
}

export const SERVICE_NAMES = ["ingest", "persist", "stream"] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/**
 * ioredis lists all variables when it is loaded (its package `debug` looks for DEBUG_…), and Deno allows the list only to who
 * may read all. So what these services may see is bounded by what they are given: their settings and little else.
 */
const USES_IOREDIS: Readonly<Record<ServiceName, boolean>> = {
  ingest: false,
  persist: true,
  stream: true,
};

/** A variable that is not named cannot be read, not even to find that it is absent. */
const INGEST_SETTINGS: readonly string[] = [
  "NAMESPACE",
  "KAFKA_BROKERS",
  "OPS_HOST",
  "OPS_PORT",
  "LOG_LEVEL",
  "EXCHANGE_KIND",
  "EXCHANGE_WS_URL",
  "EXCHANGE_REST_URL",
  "MARKETS",
  "MARKET_LIST_EVERY_S",
  "OUTBOX_MIB",
  "OUTBOX_RECORDS",
];

const READ_BY_PACKAGES: readonly string[] = [
  "NODE_ENV",
  "NODE_V8_COVERAGE",
  "WS_NO_BUFFER_UTIL",
  "WS_NO_UTF_8_VALIDATE",
  "KAFKAJS_LOG_LEVEL",
  "KAFKAJS_NO_PARTITIONER_WARNING",
  "KAFKAJS_DEBUG_PROTOCOL_BUFFERS",
  "KAFKAJS_DEBUG_EXTENDED_PROTOCOL_BUFFERS",
];

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
