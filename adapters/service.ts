import process from "node:process";
import { Registry } from "prom-client";
import { Failure, reason } from "#core/failure.ts";
import { runWorkers, type Worker } from "#core/lifecycle.ts";
import { buildInfo, showBuildInfo } from "./build_info.ts";
import { createLog, type Log, LOG_LEVELS, type LogLevel, secretsOf } from "./log.ts";

/** What a service's `main.ts` is given: the only place where process, clock and environment are touched. */
export interface ServiceContext {
  readonly log: Log;
  readonly registry: Registry;
  readonly environment: (name: string) => string | undefined;
  /** Aborts on SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
}

/** Work left after a stop signal must end within this time; what is then undone is repeated after the next start. */
const DRAIN_MS_MAX = 4_500;

/**
 * Runs a service until it is told to stop: exit code 0 after a drain, 1 when a worker failed, 2 for wrong settings.
 */
export async function runService(
  name: string,
  build: (context: ServiceContext) => readonly Worker[] | Promise<readonly Worker[]>,
): Promise<void> {
  const secrets = new Set<string>();
  const environment = (key: string): string | undefined => {
    const value = process.env[key];
    if (value !== undefined) { for (const secret of secretsOf(key, value)) secrets.add(secret); }
    return value;
  };
  const level = environment("LOG_LEVEL") ?? "info";
  const known = (LOG_LEVELS as readonly string[]).includes(level);
  const log = createLog(name, known ? level as LogLevel : "info", { secrets });
  if (!known) log.warn({ event: "log_level_unknown", level }, `LOG_LEVEL is one of ${LOG_LEVELS}`);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) return;
      log.info({ event: "stopping", signal }, "asked to stop: draining");
      stop.abort();
      setTimeout(() => {
        log.error({ event: "drain_timeout", drain_ms_max: DRAIN_MS_MAX }, "drain took too long");
        process.exit(1);
      }, DRAIN_MS_MAX).unref();
    });
  }
  const registry = new Registry();
  registry.setDefaultLabels({ service: name });
  showBuildInfo(registry, buildInfo());
  try {
    const workers = await build({ log, registry, environment, signal: stop.signal });
    await runWorkers(workers, stop.signal);
    log.info({ event: "stopped" }, "stopped");
    process.exit(0);
  } catch (error) {
    const settings = error instanceof Failure && error.code === "settings_invalid";
    if (settings) log.fatal({ event: "settings_invalid" }, reason(error));
    else log.fatal({ event: "failed", error }, reason(error));
    process.exit(settings ? 2 : 1);
  }
}
