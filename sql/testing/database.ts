import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type Database, postgresClient } from "#adapters/postgres.ts";
import { Failure } from "#core/failure.ts";
import { testServers } from "../../tests/servers.ts";
import { migrate, readMigrations } from "../migrator.ts";
import { ensureRoles } from "../roles.ts";

const CONNECTIONS_MAX = 4;

export interface TestDatabase {
  readonly name: string;
  /** As the owner, with the session's zone set to Seoul: what follows the session's zone is nine hours off. */
  readonly sql: Database;
  drop(): Promise<void>;
}

/** A database of its own with the newest schema, on the tests' server. */
export async function testDatabase(): Promise<TestDatabase> {
  const name = `stofka_test_${randomBytes(5).toString("hex")}`;
  const server = client(testServers().postgresOwner);
  await server`CREATE DATABASE ${server(name)}`;
  const url = new URL(testServers().postgresOwner);
  url.pathname = `/${name}`;
  const setup = client(url.href, 1);
  try {
    await ensureTestRoles(setup);
    await migrate(setup, await readMigrations(fileURLToPath(new URL("..", import.meta.url))));
    await setup.unsafe(`ALTER DATABASE ${name} SET TimeZone = 'Asia/Seoul'`);
  } finally {
    await setup.end({ timeout: 5 });
  }
  const sql = client(url.href);
  return {
    name,
    sql,
    drop: async () => {
      await sql.end({ timeout: 1 });
      await server`DROP DATABASE ${server(name)} WITH (FORCE)`;
      await server.end({ timeout: 5 });
    },
  };
}

export function client(url: string, connectionsMax = CONNECTIONS_MAX): Database {
  return postgresClient({
    url,
    applicationName: "stofka test",
    connectionsMax,
    statementTimeoutMs: 0,
  });
}

/** Roles belong to the whole server: the first test makes them, the others find them. */
async function ensureTestRoles(sql: Database): Promise<void> {
  try {
    await ensureRoles(sql, () => undefined);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "role_missing") throw error;
    await ensureRoles(sql, () => "no-one-logs-in-with-this");
  }
}
