import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findPrograms } from "./programs.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stofka-programs-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A script on the PATH, before those of the system. */
function program(path: string, text: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, path), 0o755);
}

// A version that no system has in its own place, so that only what is told here can answer.
const found = () => findPrograms({ PATH: folder }, "99").postgresBin;

test("PostgreSQL is where pg_config says, when it has pg_cron and the version that is asked for", () => {
  const config = (version: string) =>
    program(
      "pg_config",
      `printf 'BINDIR = ${folder}/bin\\nPKGLIBDIR = ${folder}/lib\\nVERSION = PostgreSQL ${version}\\n'`,
    );
  config("99.1");
  program("bin/postgres", "");
  expect(found()).toBeUndefined();
  program("lib/pg_cron.so", "");
  expect(found()).toBe(join(folder, "bin"));
  config("98.7");
  expect(found()).toBeUndefined();
});

test("a pg_config that fails, as that of a half-done installation, is no PostgreSQL: the packages are installed", () => {
  program("pg_config", "echo 'You need to install postgresql-server-dev-NN' >&2; exit 1");
  expect(found()).toBeUndefined();
});
