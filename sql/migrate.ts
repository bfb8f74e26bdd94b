import process from "node:process";
import { postgresClient, postgresFailure } from "#adapters/postgres.ts";
import { readSettings, url } from "#core/config.ts";
import { Failure, reason } from "#core/failure.ts";
import { cronComplaints, ensureCronExtension, readCronSettings } from "./cron_settings.ts";
import { appliedMigrations, migrate, pendingMigrations, readMigrations } from "./migrator.ts";
import { ensureRoles } from "./roles.ts";

/**
 * Brings a database to the newest schema: `node sql/migrate.ts`, or `--status` to only look. POSTGRES_URL is the owner's;
 * the owner needs CREATEROLE for the roles of the services (their passwords: STOFKA_PERSIST_PASSWORD,
 * STOFKA_STREAM_PASSWORD, STOFKA_REPAIR_PASSWORD).
 */
async function main(): Promise<number> {
  const environment = (name: string): string | undefined => process.env[name];
  let postgresUrl = "";
  try {
    postgresUrl = readSettings(
      { postgresUrl: url("POSTGRES_URL", ["postgres:", "postgresql:"]) },
      environment,
    ).postgresUrl;
    await run(postgresUrl, environment, process.argv.includes("--status"));
    return 0;
  } catch (error) {
    const failure = error instanceof Failure ? error : postgresFailure(postgresUrl, error);
    console.error(`migrate: ${reason(failure)}`);
    return 1;
  }
}

async function run(
  postgresUrl: string,
  environment: (name: string) => string | undefined,
  statusOnly: boolean,
): Promise<void> {
  const migrations = await readMigrations(import.meta.dirname!);
  const database = postgresClient({
    url: postgresUrl,
    applicationName: "stofka migrate",
    connectionsMax: 1,
    statementTimeoutMs: 0,
  });
  try {
    if (!statusOnly) {
      await ensureRoles(database, environment);
      await ensureCronExtension(database);
      for (const { number, name } of await migrate(database, migrations)) {
        console.log(`applied ${String(number).padStart(4, "0")}_${name}`);
      }
      // each time: pg_cron may have come to the database, or its jobs may have been lost, since the last run
      const [schedule] = await database`SELECT rollup_schedule() AS missing`;
      if (schedule!["missing"] !== null) console.log(`roll-ups: ${schedule!["missing"]}`);
    }
    const applied = await appliedMigrations(database);
    const pending = pendingMigrations(migrations, applied);
    if (statusOnly) {
      for (const { number, name, appliedAt } of applied) {
        console.log(
          `${String(number).padStart(4, "0")}_${name} applied ${appliedAt.toISOString()}`,
        );
      }
      for (const { number, name } of pending) {
        console.log(`${String(number).padStart(4, "0")}_${name} pending`);
      }
    }
    for (const complaint of cronComplaints(await readCronSettings(database))) {
      console.log(`pg_cron: ${complaint}`);
    }
    if (pending.length === 0) console.log(`schema is at ${migrations.length}, nothing pending`);
  } finally {
    await database.end({ timeout: 5 });
  }
}

process.exitCode = await main();
