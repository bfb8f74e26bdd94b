import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { build } from "vite";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** Chromium as Debian installs it; `CHROMIUM` names another. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox", // root, as in a container, has no other way
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** The page built into a folder of its own, which `remove` deletes. */
export async function buildPage(): Promise<{ root: string; remove: () => Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), "stofka-page-"));
  await build({
    configFile: join(REPOSITORY, "vite.config.ts"),
    root: join(REPOSITORY, "web"),
    logLevel: "error",
    build: { outDir: root },
  });
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}
