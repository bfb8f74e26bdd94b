import postgres from "postgres";
import { Failure, reason } from "#core/failure.ts";
import { ARRAY_TYPES } from "./postgres_arrays.ts";

/** A pool of connections: tagged templates run queries, `begin` a transaction. */
export type Database = postgres.Sql<Record<string, never>>;
/** One transaction of a {@link Database}. */
export type Transaction = postgres.TransactionSql<Record<string, never>>;

export interface PostgresSettings {
  /** `postgres://role:password@host:port/database` */
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  readonly connectionsMax: number;
  /** A statement that takes longer is cancelled by the server, ms; 0 = no limit. */
  readonly statementTimeoutMs: number;
}

/**
 * Opens nothing yet: connections are made when queries come, and made again after a loss.
 *
 * Decimals (`numeric`) and `bigint` come as text, `timestamptz` as `Date`, arrays as arrays of text. Arrays are passed
 * plain, times as ISO text: `sql.array(…)::text[]` and `Date` objects in arrays are written wrongly by the client.
 */
export function postgresClient(settings: PostgresSettings): Database {
  return postgres(settings.url, {
    max: settings.connectionsMax,
    connect_timeout: 5,
    // a fresh connection now and then keeps a server's caches of this session from growing
    max_lifetime: 1_800,
    fetch_types: false,
    types: ARRAY_TYPES,
    // s. Attempts count for the whole pool, and a query waits for its connection's pause beside its caller's own: a longer one
    // would be most of what is lost after the server is back
    backoff: (attempt: number) => Math.min(0.05 * 2 ** attempt, 0.5),
    onnotice: () => {},
    connection: {
      application_name: settings.applicationName,
      statement_timeout: settings.statementTimeoutMs,
      // a client that vanished in a transaction must not hold its locks
      idle_in_transaction_session_timeout: 30_000,
      // the server side of the same: notices a dead client within a minute
      tcp_keepalives_idle: 30,
    },
  }) as unknown as Database;
}

/**
 * Whether the database refused the *content* of a statement, so that repeating it is useless: SQLSTATE classes 21
 * (cardinality), 22 (data), 23 (integrity), and 54 (a limit of the program, such as an index row's size).
 */
export function isRefusal(error: unknown): boolean {
  const code = sqlState(error);
  return code !== null && /^(?:21|22|23|54)/.test(code);
}

/**
 * Whether repeating may help: a lost connection, a restart (57P01 rejects the query in flight *and* the next one), a
 * failover, a full disk, a deadlock, a timeout, and a schema or grant that a migration still has to bring. All that the
 * database or the way to it says and that is no refusal; what is none of the two is our bug.
 */
export function isTransient(error: unknown): boolean {
  if (isRefusal(error)) return false;
  if (sqlState(error) !== null) return true;
  const code = codeOf(error);
  return code !== null &&
    /^(?:CONNECT|CONNECTION_|ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_)/.test(code);
}

/** Whether the server cancelled the statement because of its timeout (`query_canceled`). */
export function isTimeout(error: unknown): boolean {
  return sqlState(error) === "57014";
}

/** The five characters by which PostgreSQL names an error; null when the error is not one of the server's. */
export function sqlState(error: unknown): string | null {
  const code = codeOf(error);
  return error instanceof postgres.PostgresError && code !== null ? code : null;
}

function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}

/** An error of the client or the server as a failure that names the server, never the password. */
export function postgresFailure(url: string, error: unknown): Failure {
  const { host, pathname, username } = new URL(url);
  return new Failure(
    "postgres_failed",
    `PostgreSQL at ${host}${pathname} as ${username}: ${reason(error)}`,
    error,
  );
}
