import { type Logger, pino } from "pino";

/** Structured log: one JSON line an event on standard output. First argument the fields, `event` among them, then a sentence. */
export type Log = Logger;

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Errors under `error` are written with their causes; addresses never enter a log with their password. */
export function createLog(service: string, level: LogLevel): Log {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.errWithCause },
    redact: { paths: ["password", "*.password", "url", "*.url"], censor: "…" },
  });
}
