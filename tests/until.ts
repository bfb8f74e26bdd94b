import { setTimeout as sleep } from "node:timers/promises";

/**
 * What is waited for may come so much later where three test files and their servers share two cores. Waiting costs nothing when
 * it comes in time.
 */
const PATIENCE = 3;

export interface UntilOptions {
  /** How often it is asked. */
  readonly everyMs?: number;
  /** What a failing test's message says beside what was waited for: the end of a log. */
  readonly told?: () => string;
  /** The limit is promised to a user: it is no longer on a busy machine. */
  readonly promised?: boolean;
}

/**
 * Asks again until it holds.
 *
 * @param limitMs how long it may take on a machine that does nothing else, see {@link PATIENCE}
 * @throws Error that names what was waited for, and what `holds` throws
 */
export async function until(
  what: string,
  limitMs: number,
  holds: () => boolean | Promise<boolean>,
  { everyMs = 50, told, promised = false }: UntilOptions = {},
): Promise<void> {
  const waitMs = promised ? limitMs : limitMs * PATIENCE;
  const endMs = performance.now() + waitMs;
  while (!await holds()) {
    if (performance.now() > endMs) {
      throw new Error(
        `${what}: not within ${waitMs} ms${told === undefined ? "" : `\n${told()}`}`,
      );
    }
    await sleep(everyMs);
  }
}
