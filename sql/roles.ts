import { randomBytes } from "node:crypto";
import { type Database, sqlState } from "#adapters/postgres.ts";
import { ROLES } from "#core/database_roles.ts";
import { Failure } from "#core/failure.ts";
import { scramVerifier } from "./scram.ts";

const PASSWORD = /^[\x21-\x7e]{8,128}$/;
const ATTEMPTS_MAX = 10;

/**
 * Makes each role that is missing and gives it the password of its setting; without one a role that exists stays as it is.
 *
 * @throws Failure `password_invalid`, `role_missing`, `role_refused`
 */
export async function ensureRoles(
  database: Database,
  environment: (name: string) => string | undefined,
): Promise<void> {
  for (const { role, password: name, readOnly } of ROLES) {
    const password = environment(name);
    if (password !== undefined && !PASSWORD.test(password)) {
      throw new Failure("password_invalid", `${name} must be 8 to 128 visible ASCII characters`);
    }
    for (let attempt = 1;; attempt++) {
      try {
        await ensureRole(database, role, password, name, readOnly);
        break;
      } catch (error) {
        // roles are shared by all databases of a server, an advisory lock is not: another database's migration can be at
        // the same role (XX000 "tuple concurrently updated", 23505 and 42710 "already exists")
        const raced = ["XX000", "23505", "42710"].includes(sqlState(error) ?? "");
        if (!raced || attempt >= ATTEMPTS_MAX) throw refused(role, error);
      }
    }
  }
}

async function ensureRole(
  database: Database,
  role: string,
  password: string | undefined,
  name: string,
  readOnly: boolean,
): Promise<void> {
  const [existing] = await database`SELECT 1 FROM pg_roles WHERE rolname = ${role}`;
  if (password === undefined) {
    if (existing !== undefined) return;
    throw new Failure("role_missing", `role ${role} does not exist; set ${name} to have it made`);
  }
  const verifier = scramVerifier(password, randomBytes(16));
  const verb = existing === undefined ? "CREATE" : "ALTER";
  await database.unsafe(`${verb} ROLE ${role} LOGIN PASSWORD '${verifier}'`);
  if (readOnly) {
    await database.unsafe(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
  }
}

function refused(role: string, error: unknown): unknown {
  if (sqlState(error) !== "42501") return error;
  return new Failure(
    "role_refused",
    `the owner may not make or change role ${role}; give it CREATEROLE (ALTER ROLE … CREATEROLE), or make the role yourself and leave its password unset here`,
    error,
  );
}
