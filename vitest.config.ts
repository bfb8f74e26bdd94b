import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { defineConfig } from "vitest/config";

/** Files that run the whole product: each has most of the machine to itself, or its time limits would mean nothing. */
const WHOLE = "tests/whole/**/*.test.ts";

/** What a file that is no unit test imports, itself or through what it imports beside it. */
const MORE =
  /from "(?:playwright-core|ws|node:(?:child_process|http|net)|(?:\.\.?\/)+tests\/servers\.ts)"/;

/** Unit tests need nothing but the code; the other parts meet real servers, a browser, or start processes. */
const { unit, parts } = Object.groupBy(
  globSync("{core,adapters,services,sql,dev,web,tests,bench,dashboards,infra}/**/*.test.{ts,tsx}", {
    cwd: import.meta.dirname,
    exclude: ["**/node_modules/**", "tests/whole/**"],
  }),
  (file) => needsMore(file) ? "parts" : "unit",
);

function needsMore(file: string, seen = new Set<string>()): boolean {
  const path = join(import.meta.dirname, file);
  if (seen.has(path)) return false;
  seen.add(path);
  const text = readFileSync(path, "utf8");
  if (MORE.test(text)) return true;
  const beside = [...text.matchAll(/from "(\.\.?\/[^"]+\.tsx?)"/g)].map(([, name]) =>
    join(dirname(file), name!)
  );
  return beside.some((name) => needsMore(name, seen));
}

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: unit ?? [], testTimeout: 60_000 } },
      {
        test: {
          name: "parts",
          include: parts ?? [],
          // after the units; they wait for servers more than they compute
          sequence: { groupOrder: 1 },
          maxWorkers: 3,
          // for what waits on a busy machine: three files share its cores with the servers
          testTimeout: 120_000,
          hookTimeout: 180_000,
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: "whole",
          include: [WHOLE],
          // after the parts, one file at a time
          sequence: { groupOrder: 2 },
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 200_000,
        },
      },
    ],
  },
});
