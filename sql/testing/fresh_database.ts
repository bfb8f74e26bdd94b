import { createHash, randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type Database, postgresClient, sqlState } from "#adapters/postgres.ts";
import { ROLES } from "#core/database_roles.ts";
import { testServers } from "../../tests/servers.ts";
import { migrate, readMigrations } from "../migrator.ts";

/** A database of its own for a test file, with clients of the owner and of the services' roles. */
export interface FreshDatabase {
  readonly url: string;
  /** A client that acts as the role; as a superuser without one. */
  as(
    role: "stofka_owner" | (typeof ROLES)[number]["role"] | null,
    connectionsMax?: number,
  ): Database;
  /** Ends the clients and drops the database. */
  drop(): Promise<void>;
}

export const SQL_FOLDER: string = fileURLToPath(new URL("..", import.meta.url));

/**
 * Clones a template that holds the newest schema, which takes 30 ms where migrating takes 150. The template is made once per
 * server and schema; several test files may want it at once.
 *
 * @param empty without the schema
 */
export async function freshDatabase(empty = false): Promise<FreshDatabase> {
  const name = `stofka_test_${randomBytes(6).toString("hex")}`;
  const admin = client(testServers().postgres, 1);
  const template = empty ? "template1" : await migratedTemplate(admin);
  await admin.unsafe(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER stofka_owner`);
  const url = inDatabase(testServers().postgres, name);
  const clients: Database[] = [];
  return {
    url,
    as: (role, connectionsMax = 2) => {
      const address = new URL(url);
      if (role !== null) address.searchParams.set("role", role);
      const database = client(address.href, connectionsMax);
      clients.push(database);
      return database;
    },
    drop: async () => {
      for (const database of clients) await database.end({ timeout: 1 });
      try {
        await admin.unsafe(`SET statement_timeout = '2s'`);
        await admin.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
      } catch (error) {
        // DROP DATABASE waits until every process of the server has passed a barrier, and pg_cron's launcher does not while
        // a job of it runs. Then the database is left to the end of the servers
        if (sqlState(error) !== "57014") throw error;
      }
      await admin.end({ timeout: 1 });
    },
  };
}

async function migratedTemplate(admin: Database): Promise<string> {
  const migrations = await readMigrations(SQL_FOLDER);
  // short: PostgreSQL cuts names at 63 bytes, and eight migrations' own sums once made the template and its making one name
  const version = createHash("sha256").update(migrations.map(({ checksum }) => checksum).join())
    .digest("hex").slice(0, 16);
  const name = `stofka_template_${version}`;
  await admin`SELECT pg_advisory_lock(hashtext('stofka_template'))`;
  try {
    const [existing] = await admin`SELECT 1 FROM pg_database WHERE datname = ${name}`;
    if (existing === undefined) {
      await ensureTestRoles(admin);
      await admin.unsafe(`DROP DATABASE IF EXISTS ${name}_making WITH (FORCE)`);
      await admin.unsafe(`CREATE DATABASE ${name}_making OWNER stofka_owner`);
      const address = new URL(inDatabase(testServers().postgres, `${name}_making`));
      address.searchParams.set("role", "stofka_owner");
      const inner = client(address.href, 1);
      await migrate(inner, migrations);
      await inner.end({ timeout: 5 });
      await admin.unsafe(`ALTER DATABASE ${name}_making RENAME TO ${name}`);
    }
  } finally {
    await admin`SELECT pg_advisory_unlock(hashtext('stofka_template'))`;
  }
  return name;
}

/** Roles without passwords: tests act as them from a superuser's connection. Roles that exist are left alone. */
export async function ensureTestRoles(admin: Database): Promise<void> {
  for (const role of ["stofka_owner", ...ROLES.map(({ role }) => role)]) {
    try {
      const [existing] = await admin`SELECT 1 FROM pg_roles WHERE rolname = ${role}`;
      if (existing === undefined) await admin.unsafe(`CREATE ROLE ${role} LOGIN`);
    } catch (error) {
      if (sqlState(error) !== "42710" && sqlState(error) !== "23505") throw error;
    }
  }
}

function inDatabase(url: string, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href;
}

function client(url: string, connectionsMax: number): Database {
  return postgresClient({
    url,
    applicationName: "stofka test",
    connectionsMax,
    statementTimeoutMs: 20_000,
  });
}
