import { until } from "../until.ts";
import type { Stack } from "./stack.ts";

/** A stored second this young, s, says that seconds are stored as they come. */
const CAUGHT_UP_S = 2.5;

/**
 * Resolves when each of these parts runs as another process than before, every service calls itself ready, and seconds are
 * stored as they come: what piled up meanwhile is stored too.
 *
 * @param killed process ids that are gone, by part
 * @param lastKillMs of the newest kill
 */
export async function allRecovered(
  stack: Stack,
  killed: ReadonlyMap<string, number>,
  lastKillMs: number,
  limitMs: number,
): Promise<void> {
  const what = `${[...killed.keys()].join(", ")}: all ready and seconds stored as they come`;
  await until(what, limitMs, async () => {
    const { processes } = stack.file;
    for (const [part, before] of killed) {
      const { pid } = processes[part]!;
      if (pid === null || pid === before) return false;
    }
    return Object.values(processes).every(({ pid }) => pid !== null) && await stack.ready() &&
      await isCaughtUp(stack, lastKillMs);
  }, { everyMs: 200, told: () => `${stack.output.slice(-3_000)}` });
}

async function isCaughtUp(stack: Stack, lastKillMs: number): Promise<boolean> {
  try {
    const [row] = await stack.database`
      SELECT extract(epoch FROM clock_timestamp())::float8 AS now,
        extract(epoch FROM max(received_at))::float8 AS newest
      FROM market_candle_1s
      WHERE starts_at > clock_timestamp() - interval '5 minutes' AND origin = 'websocket'`;
    const { now, newest } = row as unknown as { now: number; newest: number | null };
    // what is young may still be from before
    return newest !== null && newest * 1_000 > lastKillMs && now - newest < CAUGHT_UP_S;
  } catch {
    return false; // PostgreSQL, or our connection to it, is just coming back
  }
}
