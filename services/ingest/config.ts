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
import { Failure } from "#core/failure.ts";
import { marketFilter } from "#core/market.ts";
import { namespace } from "#core/namespace.ts";

/** Requests a second of the exchange's REST interface: it gives an address ten, and one stays for other programs there. */
export const REST_BUDGET = { min: 1, max: 9, usual: 5 } as const;

const SPEC = {
  /** `""`, `simulated.` or `replay-<name>.`: prefix of all topics. */
  namespace: parsed("NAMESPACE", namespace, ""),
  kafkaBrokers: hostList("KAFKA_BROKERS"),
  /** Kind `replay` marks records with origin replay. */
  exchangeKind: oneOf("EXCHANGE_KIND", EXCHANGE_KINDS, "upbit"),
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
  /** Of role stofka_repair, to ask what is missing; empty: nothing is repaired. A replay repairs nothing either. */
  postgresUrl: parsed("POSTGRES_URL", postgresUrl, ""),
  /** Requests a second that repair may make of the exchange's REST interface, which allows an address ten. */
  restBudget: wholeNumber(
    "REST_BUDGET",
    REST_BUDGET.min,
    REST_BUDGET.max,
    REST_BUDGET.usual,
  ),
  opsHost: text("OPS_HOST", "127.0.0.1"),
  opsPort: wholeNumber("OPS_PORT", 0, 65_535, 0),
} as const;

function postgresUrl(text: string): string {
  if (text === "" || URL.canParse(text) && /^postgres(?:ql)?:$/.test(new URL(text).protocol)) {
    return text;
  }
  // its text is never shown: it holds a password
  throw new Failure("setting_invalid", "not an address starting with postgres://");
}

export type IngestSettings = Settings<typeof SPEC>;

/** @throws Failure `settings_invalid`, naming everything that is wrong */
export function ingestSettings(
  environment: (name: string) => string | undefined,
): IngestSettings {
  return readSettings(SPEC, environment);
}
