import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "#core/failure.ts";
import type { Context } from "./context.ts";
import { endOrphans, releaseFolder, runningSupervisor } from "./orphans.ts";
import { isAlive } from "./process_identity.ts";
import { removeStackFile } from "./stack_file.ts";

const STOP_MS_MAX = 15_000;

/**
 * Ends the stack of the data folder, whoever started it, and what a killed one left.
 *
 * @throws Failure `not_stopped`
 */
export async function stop(folder: string, { progress }: Context): Promise<void> {
  const supervisor = runningSupervisor(folder);
  if (supervisor !== undefined) {
    await progress.step("ending the stack", async () => {
      process.kill(supervisor.pid, "SIGTERM");
      const until = performance.now() + STOP_MS_MAX;
      while (isAlive(supervisor)) {
        if (performance.now() > until) {
          throw new Failure(
            "not_stopped",
            `process ${supervisor.pid} did not end within ${
              STOP_MS_MAX / 1000
            } s; its log is in ${folder}/logs; kill -9 ${supervisor.pid}, then this again`,
          );
        }
        await sleep(50);
      }
    });
  }
  const ended = await endOrphans(folder);
  if (ended.length > 0) progress.say(`  ended what a killed start had left: ${ended.join(", ")}`);
  if (supervisor === undefined && ended.length === 0) progress.say(`  nothing runs on ${folder}`);
  removeStackFile(folder);
  releaseFolder(folder);
}
