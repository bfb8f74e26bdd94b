import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the built page is made from. */
const SOURCES = ["web", "core", "vite.config.ts", "package-lock.json"];

/**
 * Builds the page into `<data folder>/web` when its sources changed since it was built there.
 *
 * @param vite runs Vite's command line with these arguments
 */
export async function buildPage(
  checkout: string,
  folder: string,
  vite: (args: readonly string[]) => Promise<void>,
): Promise<"built" | "unchanged"> {
  const root = webRoot(folder);
  const stampFile = join(folder, "run", "page-built-from");
  const stamp = sourcesHash(checkout);
  const built = existsSync(join(root, "index.html"));
  if (built && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) {
    return "unchanged";
  }
  rmSync(stampFile, { force: true });
  // native: the default writes a copy of the configuration into the checkout, which may be another user's.
  await vite([
    "build",
    "--configLoader",
    "native",
    "--outDir",
    root,
    "--emptyOutDir",
    "--logLevel",
    "warn",
  ]);
  writeFileSync(stampFile, stamp);
  return "built";
}

/** The built page of a data folder. */
export function webRoot(folder: string): string {
  return join(folder, "web");
}

/** By content and path: a checkout with other times is the same page. */
export function sourcesHash(checkout: string): string {
  const hash = createHash("sha256");
  for (const source of SOURCES) {
    for (const path of filesUnder(checkout, source)) {
      hash.update(`${path}\0`).update(readFileSync(join(checkout, path))).update("\0");
    }
  }
  return hash.digest("hex");
}

function filesUnder(checkout: string, path: string): string[] {
  const absolute = join(checkout, path);
  const kind = statSync(absolute, { throwIfNoEntry: false });
  if (kind === undefined) return [];
  if (kind.isFile()) return [path];
  const entries = readdirSync(absolute, { withFileTypes: true });
  return entries.sort((a, b) => a.name < b.name ? -1 : 1).flatMap((entry) => {
    const inside = `${path}/${entry.name}`;
    if (entry.isDirectory()) return filesUnder(checkout, inside);
    return /\.test\.tsx?$/.test(entry.name) ? [] : [inside];
  });
}
