import { hostList, parsed, readSettings, text, url, wholeNumber } from "#core/config.ts";
import { namespace } from "#core/namespace.ts";

/** The settings of persist, read once from the environment. @throws Failure `settings_invalid` */
export function persistSettings(environment: (name: string) => string | undefined) {
  return readSettings({
    namespace: parsed("NAMESPACE", namespace, ""),
    kafkaBrokers: hostList("KAFKA_BROKERS"),
    postgresUrl: url("POSTGRES_URL", ["postgres:", "postgresql:"]),
    redisUrl: url("REDIS_URL", ["redis:", "rediss:"]),
    /** 0 = everything. */
    secondsKeptDays: wholeNumber("SECONDS_KEPT_DAYS", 0, 3_650),
    opsHost: text("OPS_HOST", "127.0.0.1"),
    opsPort: wholeNumber("OPS_PORT", 0, 65_535),
  }, environment);
}

export type PersistSettings = ReturnType<typeof persistSettings>;
