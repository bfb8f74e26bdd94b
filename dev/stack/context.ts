import { homedir } from "node:os";
import { join } from "node:path";
import type { Progress } from "./progress.ts";

/** What the commands are given of the world; only main.ts takes it from there. */
export interface Context {
  /** The checkout's top folder. */
  readonly checkout: string;
  /** `$XDG_CACHE_HOME/stofka` or `~/.cache/stofka`: what can be fetched or computed again. */
  readonly cache: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** Someone sits there and can answer. */
  readonly terminal: boolean;
  readonly progress: Progress;
  /** Aborts on SIGINT, SIGTERM, SIGHUP, and when the process that started us is gone. */
  readonly signal: AbortSignal;
}

export function cacheFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const base = environment["XDG_CACHE_HOME"];
  return join(base?.startsWith("/") ? base : join(homedir(), ".cache"), "stofka");
}
