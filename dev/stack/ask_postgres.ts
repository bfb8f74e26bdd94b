import { type Database, postgresClient } from "#adapters/postgres.ts";
import { reason } from "#core/failure.ts";

/** What `npm run status` asks of a running stack's PostgreSQL; where it does not answer, a sentence that says why. */
export async function askPostgres<Answer>(
  url: string,
  ask: (database: Database) => Promise<Answer>,
): Promise<Answer | string> {
  const database = postgresClient({
    url,
    applicationName: "stofka status",
    connectionsMax: 1,
    statementTimeoutMs: 5_000,
  });
  try {
    return await ask(database);
  } catch (error) {
    return `not known: ${reason(error)}`;
  } finally {
    await database.end({ timeout: 1 });
  }
}
