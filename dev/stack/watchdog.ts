import { spawn } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("./watchdog.sh", import.meta.url));

/**
 * Ends every part when this process dies without doing so: see watchdog.sh. A process's parent-death signal would do the
 * same on Linux alone, and only for children of the very thread that started them.
 *
 * @param removes folders that nobody needs when this process is gone
 */
export function startWatchdog(
  partsFolder: string,
  removes: readonly string[] = [],
): { readonly end: () => void } {
  // A copy: a shell reads its script while it runs, and an upgrade of the checkout would change it under way.
  const script = join(partsFolder, "watchdog.sh");
  copyFileSync(SCRIPT, script);
  writeFileSync(join(partsFolder, "removes"), removes.map((folder) => `${folder}\n`).join(""));
  const child = spawn("sh", [script, partsFolder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true, // Ctrl-C must not reach it, nor a kill of our process group
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
  });
  child.unref();
  return { end: () => child.stdin.end() };
}
