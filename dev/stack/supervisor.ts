import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { backoffMs, type BackoffPlan } from "#core/backoff.ts";
import { Failure, reason } from "#core/failure.ts";
import { sleep } from "#core/lifecycle.ts";
import { type Child, ENDED_WELL, signalGroup, signalLeader, startChild } from "./child.ts";
import { childEnvironment } from "./child_environment.ts";
import { lastLines, rotateLog } from "./log_file.ts";
import type { Job, Part } from "./part.ts";
import { startWatchdog } from "./watchdog.ts";

/** How soon a part that ended is started again. */
const RESTART: BackoffPlan = { firstMs: 500, maxMs: 15_000 };
/** A part that ran this long was well: its next end counts as the first again. */
const WELL_AFTER_MS = 60_000;
/** A part that was never ready within this is given up, so that a start fails instead of hanging. */
const READY_MS_MAX = 180_000;
/** Of one log; it and the one before it are kept. */
const LOG_BYTES_MAX = 32 * 1024 ** 2;
const READY_EVERY_MS = 50;
/** A job that is cut short may take this long to clear up behind itself. */
const JOB_GRACE_MS = 2_000;

/** A part ended although nobody asked it to. */
export interface PartEnded {
  readonly part: string;
  /** `exit code 1`, `signal SIGKILL` */
  readonly how: string;
  readonly log: string;
  readonly lastLines: readonly string[];
  readonly restartInMs: number;
}

export interface SupervisorOptions {
  /** The data folder; logs/ and run/parts/ are made in it. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onEnd: (event: PartEnded) => void;
  /** A process came or went: what {@link Supervisor.processes} says has changed. */
  readonly onChange?: () => void;
  /** Folders that nobody needs when this process is gone: deleted even when it is killed. */
  readonly removes?: readonly string[];
}

interface Running {
  readonly part: Part;
  readonly stop: AbortController;
  child: Child | undefined;
  loop: Promise<void>;
}

/**
 * Starts parts, keeps them running, ends them. A part that ends is named with its log and its last lines and started again
 * after a delay that grows while it keeps failing. If this process is killed, watchdog.sh ends the parts; if that is killed
 * too, the next start finds them by their pid files (orphans.ts).
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #running = new Map<string, Running>();
  readonly #jobs = new Set<Child>();
  readonly #watchdog: { readonly end: () => void };
  readonly #logTimer: ReturnType<typeof setInterval>;
  #ended = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    mkdirSync(join(options.folder, "logs"), { recursive: true, mode: 0o700 });
    mkdirSync(partsFolder(options.folder), { recursive: true, mode: 0o700 });
    this.#watchdog = startWatchdog(partsFolder(options.folder), options.removes);
    this.#logTimer = setInterval(() => {
      for (const name of this.#running.keys()) rotateLog(this.#log(name), LOG_BYTES_MAX);
    }, 60_000);
    this.#logTimer.unref();
  }

  /** Each part's process as it is now: `pid` is null while it waits for its restart. */
  processes(): Record<string, { pid: number | null; log: string }> {
    return Object.fromEntries(
      [...this.#running].map((
        [name, { child }],
      ) => [name, { pid: child?.identity?.pid ?? null, log: this.#log(name) }]),
    );
  }

  /**
   * Starts the part and resolves once it is ready.
   *
   * @throws Failure `part_not_ready` naming its log and last lines; `stopped`
   */
  async start(part: Part): Promise<void> {
    if (this.#ended) throw stopped(part.name);
    const stop = new AbortController();
    const running: Running = { part, stop, child: undefined, loop: Promise.resolve() };
    this.#running.set(part.name, running);
    running.loop = this.#keepRunning(running);
    const begunAt = performance.now();
    let missing = "it has not answered yet";
    while (performance.now() - begunAt < READY_MS_MAX) {
      if (running.child?.identity !== undefined) {
        try {
          return await part.ready();
        } catch (error) {
          missing = reason(error);
        }
      }
      await sleep(READY_EVERY_MS, stop.signal);
      if (stop.signal.aborted) throw stopped(part.name);
    }
    throw new Failure(
      "part_not_ready",
      `${part.name} was not ready within ${READY_MS_MAX / 1000} s: ${missing}. ${
        logTail(this.#log(part.name))
      }`,
    );
  }

  /**
   * Runs a job to its end.
   *
   * @throws Failure `job_failed` naming its log and last lines; `stopped`
   */
  async run(job: Job, timeoutMs = 10 * 60_000): Promise<void> {
    const how = await this.#run(job, this.#log(job.name), timeoutMs);
    if (how === ENDED_WELL) return;
    if (this.#ended) throw stopped(job.name);
    throw new Failure("job_failed", `${job.name}: ${how}. ${logTail(this.#log(job.name))}`);
  }

  /**
   * Runs a job on our own output, however long it takes.
   *
   * @returns `exit code 0`, `signal SIGKILL`
   * @throws Failure `stopped`
   */
  runInTheOpen(job: Job): Promise<string> {
    return this.#run(job, undefined);
  }

  /**
   * Ends these parts, all at once: their own signal first, then after `graceMs` the one that cannot be refused, to the
   * whole process group.
   */
  async stop(names: readonly string[], graceMs: number): Promise<void> {
    await Promise.all(names.map(async (name) => {
      const running = this.#running.get(name);
      if (running === undefined) return;
      running.stop.abort();
      signalLeader(running.child?.identity, running.part.stopSignal);
      const timer = setTimeout(() => signalGroup(running.child?.identity, "SIGKILL"), graceMs);
      await running.loop;
      clearTimeout(timer);
      this.#running.delete(name);
    }));
  }

  /**
   * Ends everything: jobs at once; then the parts group by group, in the order given, each with its grace. Nothing can be
   * started afterwards.
   */
  async end(groups: readonly { readonly names: readonly string[]; readonly graceMs: number }[]) {
    this.#ended = true;
    const jobs = this.#endJobs();
    for (const { names, graceMs } of groups) await this.stop(names, graceMs);
    await this.stop([...this.#running.keys()], 0);
    await jobs;
    clearInterval(this.#logTimer);
    this.#watchdog.end();
  }

  async #run(job: Job, log: string | undefined, timeoutMs?: number): Promise<string> {
    if (this.#ended) throw stopped(job.name);
    const child = this.#spawn(job, log);
    this.#jobs.add(child);
    const timer = timeoutMs === undefined
      ? undefined
      : setTimeout(() => signalGroup(child.identity, "SIGKILL"), timeoutMs);
    const how = await child.ended;
    clearTimeout(timer);
    this.#jobs.delete(child);
    return how;
  }

  async #endJobs(): Promise<void> {
    const jobs = [...this.#jobs];
    for (const { identity } of jobs) signalGroup(identity, "SIGTERM");
    const timer = setTimeout(() => {
      for (const { identity } of jobs) signalGroup(identity, "SIGKILL");
    }, JOB_GRACE_MS);
    await Promise.all(jobs.map(({ ended }) => ended));
    clearTimeout(timer);
  }

  async #keepRunning(running: Running): Promise<void> {
    const { part, stop } = running;
    let endsInARow = 0;
    while (!stop.signal.aborted) {
      const begunAt = performance.now();
      running.child = this.#spawn(part, this.#log(part.name));
      this.#options.onChange?.();
      const how = await running.child.ended;
      running.child = undefined;
      if (stop.signal.aborted) return;
      endsInARow = performance.now() - begunAt >= WELL_AFTER_MS ? 1 : endsInARow + 1;
      const restartInMs = backoffMs(RESTART, endsInARow, Math.random());
      const log = this.#log(part.name);
      this.#options.onEnd({ part: part.name, how, log, lastLines: lastLines(log, 5), restartInMs });
      this.#options.onChange?.();
      await sleep(restartInMs, stop.signal);
    }
  }

  #spawn(job: Job, log: string | undefined): Child {
    const { folder, environment } = this.#options;
    if (log !== undefined) rotateLog(log, LOG_BYTES_MAX);
    return startChild(
      job,
      childEnvironment(environment, job.env),
      log,
      join(partsFolder(folder), `${job.name}.pid`),
    );
  }

  #log(name: string): string {
    return join(this.#options.folder, "logs", `${name}.log`);
  }
}

/** Where the pid files of a data folder's processes lie. */
export function partsFolder(folder: string): string {
  return join(folder, "run", "parts");
}

/** A sentence with where the log is and how it ends. */
function logTail(log: string): string {
  const lines = lastLines(log, 5);
  return lines.length === 0
    ? `Its log ${log} is empty.`
    : `Its log ${log} ends:\n${lines.map((line) => `    ${line}`).join("\n")}`;
}

function stopped(name: string): Failure {
  return new Failure("stopped", `${name} was stopped before it was done`);
}
