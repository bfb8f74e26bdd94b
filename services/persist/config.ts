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
    /** What PostgreSQL's databases may take before the oldest day of seconds goes; 0 = no limit. */
    postgresBytesMax: wholeNumber("POSTGRES_BYTES_MAX", 0, 999_999_999_999_999, 0),
    opsHost: text("OPS_HOST", "127.0.0.1"),
    opsPort: wholeNumber("OPS_PORT", 0, 65_535),
  }, environment);
}
