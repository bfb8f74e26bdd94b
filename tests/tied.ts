import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identityText, processIdentity } from "../dev/stack/process_identity.ts";
import { startWatchdog } from "../dev/stack/watchdog.ts";

let parts: string | undefined;

/**
 * Ties a child to this process: however this one ends (a time limit, kill -9, or just without having ended the child), a
 * watchdog ends the child and what it started. A test runner kills its workers and not their children: simulators and servers
 * were left alive by runs that were cut short.
 */
export function tied<Child extends ChildProcess>(child: Child): Child {
  const identity = child.pid === undefined ? undefined : processIdentity(child.pid);
  if (identity === undefined) return child; // it could not be started, or has ended already
  const file = join(partsOfThisProcess(), `${identity.pid}.pid`);
  writeFileSync(file, identityText(identity));
  child.once("exit", () => rmSync(file, { force: true }));
  return child;
}

function partsOfThisProcess(): string {
  if (parts === undefined) {
    const folder = mkdtempSync(join(tmpdir(), "stofka-tied-"));
    parts = join(folder, "parts");
    mkdirSync(parts);
    startWatchdog(parts, [folder]);
  }
  return parts;
}
