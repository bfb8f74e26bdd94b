import {
  hostList,
  oneOf,
  parsed,
  readSettings,
  type Settings,
  text,
  url,
  wholeNumber,
} from "#core/config.ts";
import { EXCHANGE_KINDS } from "#core/exchange_kind.ts";
import { namespace } from "#core/namespace.ts";

const SPEC = {
  namespace: parsed("NAMESPACE", namespace, ""),
  exchange: oneOf("EXCHANGE_KIND", EXCHANGE_KINDS),
  kafkaBrokers: hostList("KAFKA_BROKERS"),
  postgresUrl: url("POSTGRES_URL", ["postgres:", "postgresql:"]),
  redisUrl: url("REDIS_URL", ["redis:", "rediss:"]),
  httpHost: text("HTTP_HOST", "127.0.0.1"),
  httpPort: wholeNumber("HTTP_PORT", 0, 65_535),
  /** Folder of the built page; empty = no page. */
  webRoot: text("WEB_ROOT", ""),
  /** Host names answered to beside this machine's own, comma separated; `*` answers to any. */
  httpAllowedHosts: text("HTTP_ALLOWED_HOSTS", ""),
  /** Whether the last address of `X-Forwarded-For` is a client's, as a proxy of ours says. */
  httpProxyTrusted: oneOf("HTTP_PROXY_TRUSTED", ["true", "false"], "false"),
  opsHost: text("OPS_HOST", "127.0.0.1"),
  opsPort: wholeNumber("OPS_PORT", 0, 65_535),
  clientsMax: wholeNumber("SSE_CLIENTS_MAX", 1, 100_000, 4_000),
  clientsPerAddressMax: wholeNumber("SSE_CLIENTS_PER_ADDRESS_MAX", 1, 100_000, 1_000),
  /** A reader with more unsent bytes is behind. */
  unsentBytesMax: wholeNumber("SSE_UNSENT_BYTES_MAX", 16_384, 64 * 1024 * 1024, 256 * 1024),
  /** A reader behind for longer is cut, ms. */
  behindMsMax: wholeNumber("SSE_BEHIND_MS_MAX", 100, 600_000, 30_000),
  /** Seconds held for the tails of connections, over all markets. */
  tailRowsMax: wholeNumber("TAIL_ROWS_MAX", 1_000, 10_000_000, 200_000),
} as const;

export type StreamSettings = Settings<typeof SPEC>;

/** @throws Failure `settings_invalid` naming everything that is wrong */
export function readStreamSettings(
  environment: (name: string) => string | undefined,
): StreamSettings {
  return readSettings(SPEC, environment);
}
