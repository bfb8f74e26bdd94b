import { type Database, postgresClient } from "#adapters/postgres.ts";
import { freshDatabase } from "./fresh_database.ts";

export interface TestDatabase {
  readonly name: string;
  /** As the owner, with the session's zone set to Seoul: what follows the session's zone is nine hours off. */
  readonly sql: Database;
  /** Connections apart from those of {@link sql}. */
  readonly other: Database;
  drop(): Promise<void>;
}

/** A database of its own with the newest schema, on the tests' server. */
export async function testDatabase(): Promise<TestDatabase> {
  const fresh = await freshDatabase();
  const name = new URL(fresh.url).pathname.slice(1);
  await fresh.as(null, 1).unsafe(`ALTER DATABASE ${name} SET TimeZone = 'Asia/Seoul'`);
  return {
    name,
    sql: fresh.as("stofka_owner", 4),
    other: fresh.as("stofka_owner", 4),
    drop: fresh.drop,
  };
}

export function client(url: string): Database {
  return postgresClient({
    url,
    applicationName: "stofka test",
    connectionsMax: 1,
    statementTimeoutMs: 0,
  });
}
