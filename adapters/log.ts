import { type Logger, pino } from "pino";

/** Structured log: one JSON line an event on standard output. First argument the fields, `event` among them, then a sentence. */
export type Log = Logger;

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  /** Texts that no line may hold, such as passwords of our settings; may grow. */
  readonly secrets?: ReadonlySet<string>;
  /** Where lines go; standard output when absent. */
  readonly write?: (line: string) => void;
}

/**
 * Errors under `error` are written with their causes. A secret leaves no trace in a line, whichever field, message or
 * stack it came in by: known ones are found by their value, others as the password of an address.
 */
export function createLog(service: string, level: LogLevel, options: LogOptions = {}): Log {
  const { secrets = new Set(), write } = options;
  const settings = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.errWithCause },
    redact: { paths: ["password", "*.password"], censor: CENSORED },
    hooks: { streamWrite: (line: string) => withoutSecrets(line, secrets) },
  };
  return write === undefined ? pino(settings) : pino(settings, { write });
}

const CENSORED = "…";

/** `scheme://user:password@`, wherever it stands. */
const ADDRESS_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:@/"\\]*:)[^\s@/"\\]+@/gi;

/** @param line JSON */
function withoutSecrets(line: string, secrets: ReadonlySet<string>): string {
  let clean = line.includes("://") ? line.replace(ADDRESS_PASSWORD, `$1${CENSORED}@`) : line;
  for (const secret of secrets) {
    const written = JSON.stringify(secret).slice(1, -1);
    if (clean.includes(written)) clean = clean.replaceAll(written, CENSORED);
  }
  return clean;
}

/** Shorter ones would take harmless words with them, and are no secrets. */
const SECRET_CHARS_MIN = 6;

/** What of a setting must never be seen: the whole of a password or token, the password of an address, as written and decoded. */
export function secretsOf(name: string, value: string): readonly string[] {
  const found: string[] = /PASSWORD|SECRET|TOKEN/.test(name) ? [value] : [];
  if (URL.canParse(value)) {
    const { password } = new URL(value);
    found.push(password, decoded(password));
  }
  return found.filter(({ length }) => length >= SECRET_CHARS_MIN);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
