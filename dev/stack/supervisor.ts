import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs, type BackoffPlan } from "#core/backoff.ts";
import { Failure, reason } from "#core/failure.ts";
import { childEnvironment } from "./child_environment.ts";
import { lastLines, rotateLog } from "./log_file.ts";
import type { Part } from "./part.ts";
import { identityText, isAlive, type ProcessIdentity, processIdentity } from "./process_identity.ts";
import { startWatchdog } from "./watchdog.ts";

/** How soon a part that ended is started again. */
const RESTART: BackoffPlan = { firstMs: 500, maxMs: 15_000 };
/** A part that ran this long was well: its next end counts as the first again. */
const WELL_AFTER_MS = 60_000;

/** What the supervisor tells whoever started the stack. */
export type PartEvent =
  | { readonly kind: "ready"; readonly part: string; readonly pid: number; readonly tookMs: number }
  | {
    readonly kind: "ended";
    readonly part: string;
    /** `exit code 1`, `signal SIGKILL` */
    readonly how: string;
    readonly log: string;
    readonly lastLines: readonly string[];
    readonly restartInMs: number;
  };

export interface SupervisorOptions {
  /** The data folder; logs/ and run/parts/ are made in it. */
  readonly folder: string;
  readonly tell: (event: PartEvent) => void;
  /** A part that was never ready within this is given up: the start fails instead of hanging. */
  readonly readyMsMax: number;
  /** Run as somebody else or through a wrapper: the environment of the caller. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logBytesMax: number;
}

interface Running {
  readonly part: Part;
  readonly log: string;
  child: ChildProcess | undefined;
  identity: ProcessIdentity | undefined;
  failure: Failure | undefined;
  stopping: boolean;
  readonly loop: Promise<void>;
}

/**
 * Starts parts, keeps them running, ends them. A part that ends is named with its log and its last lines and started again
 * after a delay that grows while it keeps failing. If this process is killed, watchdog.sh ends the parts; if that is killed
 * too, the next start finds them by their pid files.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #running = new Map<string, Running>();
  readonly #watchdog: { readonly end: () => void };
  readonly #logTimer: ReturnType<typeof setInterval>;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    mkdirSync(join(options.folder, "logs"), { recursive: true, mode: 0o700 });
    mkdirSync(partsFolder(options.folder), { recursive: true, mode: 0o700 });
    this.#watchdog = startWatchdog(partsFolder(options.folder));
    this.#logTimer = setInterval(() => {
      for (const { log } of this.#running.values()) rotateLog(log, options.logBytesMax);
    }, 60_000);
    this.#logTimer.unref();
  }

  /** Each part's process as it is now: `pid` is undefined while it waits for its restart. */
  processes(): Record<string, { pid: number | undefined; log: string }> {
    return Object.fromEntries(
      [...this.#running].map(([name, { identity, log }]) => [name, { pid: identity?.pid, log }]),
    );
  }

  /**
   * Starts the part and resolves once it is ready.
   *
   * @throws Failure `part_not_ready` naming its log and last lines
   */
  async start(part: Part): Promise<void> {
    const { folder, readyMsMax, tell } = this.#options;
    const log = join(folder, "logs", `${part.name}.log`);
    const begunAt = performance.now();
    const { promise: go, resolve: run } = Promise.withResolvers<void>();
    const running: Running = {
      part,
      log,
      child: undefined,
      identity: undefined,
      failure: undefined,
      stopping: false,
      loop: go.then(() => this.#keepRunning(running)),
    };
    this.#running.set(part.name, running);
    run();
    let missing = "it has not answered yet";
    while (performance.now() - begunAt < readyMsMax) {
      if (running.stopping) throw new Failure("stopped", `${part.name} was stopped while it started`);
      if (running.failure !== undefined) throw running.failure;
      if (running.identity !== undefined) {
        try {
          await part.ready();
          tell({
            kind: "ready",
            part: part.name,
            pid: running.identity.pid,
            tookMs: performance.now() - begunAt,
          });
          return;
        } catch (error) {
          missing = reason(error);
        }
      }
      await sleep(50);
    }
    throw new Failure(
      "part_not_ready",
      `${part.name} was not ready within ${readyMsMax / 1000} s: ${missing}. ${logTail(log)}`,
    );
  }

  /**
   * Ends these parts, all at once: their own signal first, then after `graceMs` the one that cannot be refused, to the
   * whole process group.
   */
  async stop(names: readonly string[], graceMs: number): Promise<void> {
    await Promise.all(names.map((name) => this.#stopOne(name, graceMs)));
  }

  /** After every part was stopped: ends the watchdog. */
  end(): void {
    clearInterval(this.#logTimer);
    this.#watchdog.end();
  }

  async #stopOne(name: string, graceMs: number): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    running.stopping = true;
    signalGroup(running.identity, running.part.stopSignal, "leader");
    const timer = setTimeout(() => signalGroup(running.identity, "SIGKILL", "group"), graceMs);
    await running.loop;
    clearTimeout(timer);
    this.#running.delete(name);
  }

  async #keepRunning(running: Running): Promise<void> {
    const { tell } = this.#options;
    let endsInARow = 0;
    while (!running.stopping) {
      const begunAt = performance.now();
      const how = await this.#runOnce(running);
      if (running.stopping) return;
      endsInARow = performance.now() - begunAt >= WELL_AFTER_MS ? 1 : endsInARow + 1;
      const restartInMs = backoffMs(RESTART, endsInARow, Math.random());
      tell({
        kind: "ended",
        part: running.part.name,
        how,
        log: running.log,
        lastLines: lastLines(running.log, 5),
        restartInMs,
      });
      const until = performance.now() + restartInMs;
      while (!running.stopping && performance.now() < until) await sleep(50);
    }
  }

  /** Spawns the part and resolves with how it ended. */
  async #runOnce(running: Running): Promise<string> {
    const { part, log } = running;
    const pidFile = join(partsFolder(this.#options.folder), `${part.name}.pid`);
    const out = openSync(log, "a", 0o600);
    const child = spawn(part.command, part.args, {
      cwd: part.cwd,
      env: childEnvironment(this.#options.environment, part.env),
      stdio: ["ignore", out, out],
      detached: true, // a process group of its own: Ctrl-C reaches us alone, and what it starts can be ended with it
    });
    closeSync(out);
    running.child = child;
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(`could not be started: ${reason(error)}`));
      child.once("exit", (code, signal) => {
        resolve(signal === null ? `exit code ${code}` : `signal ${signal}`);
      });
    });
    if (child.pid !== undefined) {
      running.identity = processIdentity(child.pid);
      if (running.identity !== undefined) {
        writeFileSync(pidFile, identityText(running.identity), { mode: 0o600 });
      }
    }
    if (running.stopping) signalGroup(running.identity, "SIGKILL", "group");
    const how = await ended;
    // What it started and left behind holds its ports and files: nothing of the group outlives its leader.
    if (child.pid !== undefined) signalRest(child.pid);
    running.identity = undefined;
    rmSync(pidFile, { force: true });
    return how;
  }
}

/** Where the pid files of a data folder's parts lie. */
export function partsFolder(folder: string): string {
  return join(folder, "run", "parts");
}

/** A sentence with where the log is and how it ends. */
export function logTail(log: string): string {
  const lines = lastLines(log, 5);
  return lines.length === 0
    ? `Its log ${log} is empty.`
    : `Its log ${log} ends:\n${lines.map((line) => `    ${line}`).join("\n")}`;
}

function signalGroup(
  identity: ProcessIdentity | undefined,
  signal: NodeJS.Signals,
  whom: "leader" | "group",
): void {
  if (identity === undefined || !isAlive(identity)) return;
  try {
    process.kill(whom === "group" ? -identity.pid : identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** SIGKILL to what is left of the group. A group's number is not given to a new process while a member lives. */
function signalRest(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
