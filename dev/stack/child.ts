import { spawn } from "node:child_process";
import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { reason } from "#core/failure.ts";
import {
  identityText,
  isAlive,
  type ProcessIdentity,
  processIdentity,
} from "./process_identity.ts";
import type { Job } from "./part.ts";

/** A process under us. */
export interface Child {
  /** Undefined when it could not be started or has ended already. */
  readonly identity: ProcessIdentity | undefined;
  /** Resolves once it and all it left behind are gone: `exit code 0`, `signal SIGKILL`, `could not be started: …`. */
  readonly ended: Promise<string>;
}

export const ENDED_WELL = "exit code 0";

/**
 * Starts the job in a process group of its own, its output appended to the log or, without one, on our own; and keeps its
 * pid file while it runs. Own group: Ctrl-C on the terminal reaches us alone, and what the job starts can be ended with it.
 */
export function startChild(
  job: Job,
  environment: Readonly<Record<string, string>>,
  log: string | undefined,
  pidFile: string,
): Child {
  const out = log === undefined ? "inherit" : openSync(log, "a", 0o600);
  const child = spawn(job.command, job.args, {
    ...(job.cwd === undefined ? {} : { cwd: job.cwd }),
    env: environment,
    stdio: ["ignore", out, out],
    detached: true,
  });
  if (out !== "inherit") closeSync(out);
  const exit = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${reason(error)}`));
    child.once("exit", (code, signal) => {
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
    });
  });
  const { pid } = child;
  const identity = pid === undefined ? undefined : processIdentity(pid);
  if (identity !== undefined) writeFileSync(pidFile, identityText(identity), { mode: 0o600 });
  return {
    identity,
    ended: exit.then((how) => {
      if (pid !== undefined) endGroup(pid);
      rmSync(pidFile, { force: true });
      return how;
    }),
  };
}

/**
 * Ends what a process that has just ended left behind: it holds its ports and files. A group's number is not given out while a
 * member lives.
 */
export function endGroup(pid: number): void {
  sendSignal(-pid, "SIGKILL");
}

/** To that very process alone; nothing when it is gone. */
export function signalLeader(identity: ProcessIdentity | undefined, signal: NodeJS.Signals): void {
  if (identity !== undefined && isAlive(identity)) sendSignal(identity.pid, signal);
}

/** To that process and all that it started; nothing when it is gone. */
export function signalGroup(identity: ProcessIdentity | undefined, signal: NodeJS.Signals): void {
  if (identity !== undefined && isAlive(identity)) sendSignal(-identity.pid, signal);
}

function sendSignal(to: number, signal: NodeJS.Signals): void {
  try {
    process.kill(to, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it ended meanwhile
  }
}
