import type { Database } from "#adapters/postgres.ts";
import { Failure } from "#core/failure.ts";

/** How pg_cron stands for a database. */
export interface CronSettings {
  /** Whether the server has the extension's files. */
  readonly available: boolean;
  /** The extension's version in the database asked; null when it is not created there. */
  readonly version: string | null;
  readonly database: string;
  /** What only a member of `pg_read_all_settings` may see; null for others. */
  readonly server: {
    /** Null when the library is not loaded. */
    readonly databaseName: string | null;
    readonly useBackgroundWorkers: boolean;
  } | null;
}

export async function readCronSettings(database: Database): Promise<CronSettings> {
  const [row] = await database`
    SELECT
      EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_cron') AS available,
      (SELECT extversion FROM pg_extension WHERE extname = 'pg_cron') AS version,
      current_database() AS database,
      pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') AS privileged`;
  const head = {
    available: row!["available"] as boolean,
    version: row!["version"] as string | null,
    database: row!["database"] as string,
  };
  if (row!["privileged"] !== true) return { ...head, server: null };
  const [server] = await database`
    SELECT current_setting('cron.database_name', true) AS database_name,
      current_setting('cron.use_background_workers', true) AS use_background_workers`;
  return {
    ...head,
    server: {
      databaseName: server!["database_name"] as string | null,
      useBackgroundWorkers: server!["use_background_workers"] === "on",
    },
  };
}

/**
 * What is missing for pg_cron to run jobs, as sentences with a remedy; empty when nothing is. Seconds are stored without
 * it, roll-ups are not made.
 *
 * @throws Failure `cron_background_workers` for the one setting that is dangerous: with background workers one long job
 * delays every other
 */
export function cronComplaints(settings: CronSettings): readonly string[] {
  const { available, version, database, server } = settings;
  if (!available) return ["not installed; on Debian: postgresql-15-cron"];
  if (server === null) {
    return [
      "its settings cannot be checked; as a superuser: GRANT pg_read_all_settings TO the owner",
    ];
  }
  if (server.databaseName === null) {
    return ["not loaded; add pg_cron to shared_preload_libraries and restart PostgreSQL"];
  }
  if (server.useBackgroundWorkers) {
    throw new Failure(
      "cron_background_workers",
      "cron.use_background_workers is on: one long job would delay every other; set it to off in postgresql.conf and restart PostgreSQL",
    );
  }
  if (server.databaseName === database && version === null) {
    return [
      `not created in ${database}; as a superuser: CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO the owner`,
    ];
  }
  return [];
}

/** Creates the extension where this database is pg_cron's and the owner may; where it may not, {@link cronComplaints} says so. */
export async function ensureCronExtension(database: Database): Promise<void> {
  const { available, version, database: name, server } = await readCronSettings(database);
  if (!available || version !== null || server?.databaseName !== name) return;
  const [row] = await database`SELECT rolsuper FROM pg_roles WHERE rolname = current_user`;
  if (row!["rolsuper"] === true) await database`CREATE EXTENSION IF NOT EXISTS pg_cron`;
}
