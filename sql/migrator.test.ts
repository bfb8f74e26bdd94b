import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { appliedMigrations, migrate, pendingMigrations, readMigrations } from "./migrator.ts";
import { type FreshDatabase, freshDatabase, SQL_FOLDER } from "./testing/fresh_database.ts";

const opened: FreshDatabase[] = [];
afterAll(async () => {
  for (const database of opened) await database.drop();
});

async function emptyDatabase(): Promise<FreshDatabase> {
  const database = await freshDatabase(true);
  opened.push(database);
  return database;
}

describe("migrate()", () => {
  test("five starters at once: one applies each file, the others find nothing to do", async () => {
    const database = await emptyDatabase();
    const migrations = await readMigrations(SQL_FOLDER);
    const applied = await Promise.all(
      Array.from({ length: 5 }, () => migrate(database.as("stofka_owner", 1), migrations)),
    );
    expect(applied.map((list) => list.length).sort()).toEqual([0, 0, 0, 0, migrations.length]);
    expect((await appliedMigrations(database.as("stofka_owner", 1))).map(({ name }) => name))
      .toEqual(migrations.map(({ name }) => name));
  });

  test("a file that fails leaves nothing of itself behind, and what is before it stays", async () => {
    const database = await emptyDatabase();
    const owner = database.as("stofka_owner", 1);
    const files = [
      { number: 1, name: "one", text: "CREATE TABLE one (id int)", checksum: "1" },
      { number: 2, name: "two", text: "CREATE TABLE two (id int); SELECT 1/0", checksum: "2" },
    ];
    await expect(migrate(owner, files)).rejects.toMatchObject({ code: "22012" });
    expect(await appliedMigrations(owner)).toMatchObject([{ number: 1, name: "one" }]);
    const [row] = await owner`SELECT to_regclass('one') AS one, to_regclass('two') AS two`;
    expect(row).toEqual({ one: "one", two: null });
  });
});

describe("pendingMigrations()", () => {
  const file = (number: number, checksum: string) => ({ number, name: "n", text: "", checksum });

  test("what is not applied yet, in order", () => {
    expect(pendingMigrations([file(1, "a"), file(2, "b"), file(3, "c")], [file(1, "a")]))
      .toEqual([file(2, "b"), file(3, "c")]);
  });

  test("refuses a changed file and says where the change belongs", () => {
    expect(() => pendingMigrations([file(1, "a2"), file(2, "b")], [file(1, "a")])).toThrow(
      /0001_n\.sql was changed.*new file 0003_/,
    );
  });

  test("refuses a database that a later version migrated", () => {
    expect(() => pendingMigrations([file(1, "a")], [file(1, "a"), file(2, "b")])).toThrow(
      /0002_n\.sql.*later/,
    );
  });
});

describe("readMigrations()", () => {
  async function folder(names: readonly string[], text = "SELECT 1;\n"): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), "stofka-sql-"));
    opened.push({ drop: () => rm(path, { recursive: true }) } as unknown as FreshDatabase);
    for (const name of names) await writeFile(join(path, name), text);
    return path;
  }

  test("a checksum does not depend on how a checkout ends its lines", async () => {
    const [unix] = await readMigrations(await folder(["0001_a.sql"], "SELECT 1;\nSELECT 2;\n"));
    const [dos] = await readMigrations(await folder(["0001_a.sql"], "SELECT 1;\r\nSELECT 2;\r\n"));
    expect(dos!.checksum).toBe(unix!.checksum);
  });

  test("refuses a gap, a number used twice and a strange name", async () => {
    await expect(folder(["0001_a.sql", "0003_b.sql"]).then(readMigrations)).rejects
      .toMatchObject({ code: "migration_number_taken" });
    await expect(folder(["0001_a.sql", "0001_b.sql"]).then(readMigrations)).rejects
      .toMatchObject({ code: "migration_number_taken" });
    await expect(folder(["1_a.sql"]).then(readMigrations)).rejects
      .toMatchObject({ code: "migration_name_invalid" });
  });
});
