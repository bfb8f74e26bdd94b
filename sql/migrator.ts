import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Database, Transaction } from "#adapters/postgres.ts";
import { Failure } from "#core/failure.ts";

/** A file `0001_seconds.sql`. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly text: string;
  /** SHA-256 of the text, hexadecimal. */
  readonly checksum: string;
}

export interface AppliedMigration {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  readonly appliedAt: Date;
}

const FORM = /^(\d{4})_([a-z0-9_]+)\.sql$/;

/** @throws Failure `migration_name_invalid`, `migration_number_taken` */
export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".sql")).sort();
  const migrations: Migration[] = [];
  for (const file of files) {
    const match = FORM.exec(file);
    if (match === null) {
      throw new Failure("migration_name_invalid", `${file} must be named like 0001_seconds.sql`);
    }
    const number = Number(match[1]);
    if (number !== migrations.length + 1) {
      throw new Failure(
        "migration_number_taken",
        `${file} must have the number ${migrations.length + 1}: migrations count without gaps`,
      );
    }
    const text = (await readFile(join(folder, file), "utf8")).replaceAll("\r\n", "\n");
    const checksum = createHash("sha256").update(text).digest("hex");
    migrations.push({ number, name: match[2]!, text, checksum });
  }
  return migrations;
}

/**
 * Applies what is missing, in order, each file in a transaction of its own with its row in `schema_migration`. Several
 * starters may race: they queue on an advisory lock, and whoever comes later finds the work done.
 *
 * @param database with one connection: the lock belongs to the session
 * @returns what was applied now
 * @throws Failure `migration_changed`, `migration_unknown`
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  return await withLock(database, async () => {
    await database`
      CREATE TABLE IF NOT EXISTS schema_migration (
        number     integer PRIMARY KEY,
        name       text NOT NULL,
        checksum   text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
      )`;
    const pending = pendingMigrations(migrations, await appliedMigrations(database));
    for (const migration of pending) {
      await database.begin((transaction) =>
        apply(transaction as unknown as Transaction, migration)
      );
    }
    return pending;
  });
}

/** Serialises migrations of one database; released when the session ends, however it ends. */
export async function withLock<Value>(
  database: Database,
  work: () => Promise<Value>,
): Promise<Value> {
  await database`SELECT pg_advisory_lock(hashtext('schema_migration'))`;
  try {
    return await work();
  } finally {
    await database`SELECT pg_advisory_unlock(hashtext('schema_migration'))`;
  }
}

/** Nothing when the database was never migrated. */
export async function appliedMigrations(database: Database): Promise<readonly AppliedMigration[]> {
  const [table] = await database`SELECT to_regclass('public.schema_migration') AS name`;
  if (table?.["name"] === null) return [];
  const rows = await database`
    SELECT number, name, checksum, applied_at FROM schema_migration ORDER BY number`;
  return rows.map((row) => ({
    number: row["number"] as number,
    name: row["name"] as string,
    checksum: row["checksum"] as string,
    appliedAt: row["applied_at"] as Date,
  }));
}

/**
 * What is still to apply.
 *
 * @throws Failure `migration_changed` when an applied file has another text now, `migration_unknown` when the database
 * was migrated by a later version
 */
export function pendingMigrations(
  migrations: readonly Migration[],
  applied: readonly Pick<AppliedMigration, "number" | "name" | "checksum">[],
): readonly Migration[] {
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  for (const { number, name, checksum } of applied) {
    const file = `${String(number).padStart(4, "0")}_${name}.sql`;
    const migration = known.get(number);
    if (migration === undefined) {
      throw new Failure(
        "migration_unknown",
        `the database has ${file}, which this version does not: it was migrated by a later one; run that, or restore a backup from before`,
      );
    }
    if (migration.checksum !== checksum) {
      throw new Failure(
        "migration_changed",
        `${file} was changed after it had been applied; restore its text and put the change into a new file ${
          String(migrations.length + 1).padStart(4, "0")
        }_….sql`,
      );
    }
    known.delete(number);
  }
  return [...known.values()];
}

async function apply(transaction: Transaction, migration: Migration): Promise<void> {
  await transaction.unsafe(migration.text);
  await transaction`
    INSERT INTO schema_migration (number, name, checksum)
    VALUES (${migration.number}, ${migration.name}, ${migration.checksum})`;
}
