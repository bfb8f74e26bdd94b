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
import { marketFilter } from "#core/market.ts";
import { namespace } from "#core/namespace.ts";

const SPEC = {
  /** `""`, `simulated.` or `replay-<name>.`: prefix of all topics. */
  namespace: parsed("NAMESPACE", namespace, ""),
  kafkaBrokers: hostList("KAFKA_BROKERS"),
  /** Kind `replay` marks records with origin replay. */
  exchangeKind: oneOf("EXCHANGE_KIND", ["upbit", "simulator", "replay", "other"], "upbit"),
  exchangeWsUrl: url("EXCHANGE_WS_URL", ["ws:", "wss:"], "wss://api.upbit.com/websocket/v1"),
  /** With the version, without a slash at the end. */
  exchangeRestUrl: url("EXCHANGE_REST_URL", ["http:", "https:"], "https://api.upbit.com/v1"),
  /** `all`, quote currencies or markets, comma separated. */
  markets: parsed("MARKETS", marketFilter, "all"),
  /** How often the market list is asked for again, seconds. */
  marketListEveryS: wholeNumber("MARKET_LIST_EVERY_S", 5, 86_400, 60),
  /** What may wait for Kafka, in MiB and records; beyond that frames are dropped and become a gap. */
  outboxMib: wholeNumber("OUTBOX_MIB", 1, 4_096, 64),
  outboxRecords: wholeNumber("OUTBOX_RECORDS", 100, 10_000_000, 60_000),
  opsHost: text("OPS_HOST", "127.0.0.1"),
  opsPort: wholeNumber("OPS_PORT", 0, 65_535, 0),
} as const;

export type IngestSettings = Settings<typeof SPEC>;

/** @throws Failure `settings_invalid`, naming everything that is wrong */
export function ingestSettings(
  environment: (name: string) => string | undefined,
): IngestSettings {
  return readSettings(SPEC, environment);
}
