import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "#core/failure.ts";
import { endGroup, signalGroup } from "./child.ts";
import {
  identityText,
  isAlive,
  parseIdentity,
  type ProcessIdentity,
  processIdentity,
} from "./process_identity.ts";
import { partsFolder } from "./supervisor.ts";

const GRACE_MS = 7_000;

function supervisorFile(folder: string): string {
  return join(folder, "run", "supervisor.pid");
}

/** Who runs the stack of this data folder; undefined when nobody does. */
export function runningSupervisor(folder: string): ProcessIdentity | undefined {
  const identity = readIdentity(supervisorFile(folder));
  return identity !== undefined && isAlive(identity) ? identity : undefined;
}

/**
 * Makes this process the one that runs the folder's stack. Of two that start at once, one gets it.
 *
 * @throws Failure `already_running`
 */
export function claimFolder(folder: string, page: string | undefined): void {
  const own = identityText(processIdentity(process.pid)!);
  for (let attempt = 1;; attempt += 1) {
    try {
      writeFileSync(supervisorFile(folder), own, { flag: "wx", mode: 0o600 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const other = runningSupervisor(folder);
    if (other !== undefined || attempt > 3) {
      throw new Failure(
        "already_running",
        `Stofka already runs on ${folder}${page === undefined ? "" : ` at ${page}`}${
          other === undefined ? "" : ` (process ${other.pid})`
        }; end it with: npm run stop`,
      );
    }
    rmSync(supervisorFile(folder), { force: true }); // of one that was killed
  }
}

export function releaseFolder(folder: string): void {
  rmSync(supervisorFile(folder), { force: true });
}

/** Parts that still run although their supervisor is gone: it was killed, and its watchdog with it. */
export function orphansOf(folder: string): { name: string; identity: ProcessIdentity }[] {
  let files: string[];
  try {
    files = readdirSync(partsFolder(folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return files.filter((file) => file.endsWith(".pid")).flatMap((file) => {
    const identity = readIdentity(join(partsFolder(folder), file));
    if (identity === undefined || !isAlive(identity)) return [];
    return [{ name: file.slice(0, -4), identity }];
  });
}

/** Ends what an earlier start left running, and forgets its pid files. Resolves with the names of what it ended. */
export async function endOrphans(folder: string): Promise<readonly string[]> {
  const orphans = orphansOf(folder);
  for (const { identity } of orphans) signalGroup(identity, "SIGTERM");
  const until = performance.now() + GRACE_MS;
  while (orphans.some(({ identity }) => isAlive(identity))) {
    if (performance.now() > until) {
      for (const { identity } of orphans) signalGroup(identity, "SIGKILL");
    }
    await sleep(50);
  }
  for (const { identity } of orphans) endGroup(identity.pid);
  rmSync(partsFolder(folder), { recursive: true, force: true });
  return orphans.map(({ name }) => name);
}

function readIdentity(path: string): ProcessIdentity | undefined {
  try {
    return parseIdentity(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
