import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Database, sqlState } from "#adapters/postgres.ts";
import { type FreshDatabase, freshDatabase } from "../sql/testing/fresh_database.ts";

/** What a service that was taken over could do to the database: each statement is tried, on every table there is. */

const FORBIDDEN = "42501";
let database: FreshDatabase;
let superuser: Database;
let tables: readonly string[];

beforeAll(async () => {
  database = await freshDatabase();
  superuser = database.as(null);
  const rows = await superuser`
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname`;
  tables = rows.map(({ relname }) => relname as string);
});

afterAll(() => database.drop());

/** What each statement came to: `done`, or the error's SQLSTATE. None changes a row: rights are asked before rows. */
async function outcomes(
  client: Database,
  statement: (table: string) => string,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const table of tables) {
    try {
      await client.unsafe(statement(`public.${table}`));
      found[table] = "done";
    } catch (error) {
      found[table] = sqlState(error) ?? String(error);
    }
  }
  return found;
}

const all = (outcome: string): Record<string, string> =>
  Object.fromEntries(tables.map((table) => [table, outcome]));

const CHANGES = {
  drop: (table: string) => `DROP TABLE ${table}`,
  alter: (table: string) => `ALTER TABLE ${table} ADD COLUMN evil int`,
  truncate: (table: string) => `TRUNCATE ${table}`,
  trigger: (table: string) =>
    `CREATE TRIGGER evil BEFORE INSERT ON ${table} EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
  grant: (table: string) => `COMMENT ON TABLE ${table} IS 'mine'`,
};

const WRITES = {
  insert: (table: string) => `INSERT INTO ${table} SELECT * FROM ${table} WHERE false`,
  delete: (table: string) => `DELETE FROM ${table} WHERE false`,
  lock: (table: string) => `DO $$ BEGIN LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE; END $$`,
};

test("there is something to protect", () => {
  expect(tables).toEqual(expect.arrayContaining(["market_candle_1s", "market", "feed"]));
});

describe.each(["stofka_stream", "stofka_repair"] as const)(
  "%s reads and does nothing else",
  (role) => {
    test.each(Object.entries({ ...CHANGES, ...WRITES }))(
      "%s is refused on every table",
      async (_, statement) => {
        expect(await outcomes(database.as(role), statement)).toEqual(all(FORBIDDEN));
      },
    );

    test("no column can be updated", async () => {
      const rows = await superuser`
      SELECT table_name, column_name FROM information_schema.columns
      WHERE table_schema = 'public' AND has_column_privilege(${role}, format('public.%I', table_name), column_name, 'UPDATE')`;
      expect([...rows]).toEqual([]);
    });
  },
);

describe("stofka_persist writes rows and changes no table", () => {
  test.each(Object.entries(CHANGES))("%s is refused on every table", async (_, statement) => {
    expect(await outcomes(database.as("stofka_persist"), statement)).toEqual(all(FORBIDDEN));
  });

  test("history is not deleted, and roll-ups are not written", async () => {
    const client = database.as("stofka_persist");
    const deleted = await outcomes(client, WRITES.delete);
    expect(deleted).toMatchObject({
      market_candle_1s: FORBIDDEN,
      market_candle: FORBIDDEN,
      market: FORBIDDEN,
      schema_migration: FORBIDDEN,
      coverage_hole: "done",
    });
    const inserted = await outcomes(client, WRITES.insert);
    expect(inserted).toMatchObject({ market_candle: FORBIDDEN, market_candle_1s: "done" });
  });
});

describe.each(["stofka_stream", "stofka_repair", "stofka_persist"] as const)("%s", (role) => {
  test.each([
    "CREATE TABLE public.evil (x int)",
    "CREATE SCHEMA evil",
    "CREATE FUNCTION public.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION dblink",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
  ])("cannot %s", async (statement) => {
    await expect(database.as(role).unsafe(statement)).rejects.toMatchObject({ code: FORBIDDEN });
  });

  test("is nobody else, and no superuser", async () => {
    const [row] = await superuser`
      SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS mighty,
        ARRAY(SELECT m.roleid::regrole::text FROM pg_auth_members m WHERE m.member = r.oid)::text AS member_of
      FROM pg_roles r WHERE rolname = ${role}`;
    expect(row).toEqual({ mighty: false, member_of: "{}" });
  });
});

test("the owner can do all of it: a refusal above is one of rights", async () => {
  const owner = database.as("stofka_owner");
  for (const statement of [...Object.values(WRITES), CHANGES.alter]) {
    const found = Object.values(await outcomes(owner, statement));
    expect(found.filter((outcome) => outcome === "done").length).toBeGreaterThan(tables.length / 2);
  }
});
