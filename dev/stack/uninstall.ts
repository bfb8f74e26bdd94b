import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { Failure } from "#core/failure.ts";
import type { Context } from "./context.ts";
import { emptyDataFolder } from "./data_folder.ts";
import { installedPackages } from "./prepare.ts";
import { askYes } from "./question.ts";
import { stop } from "./stop.ts";

/**
 * Ends the stack and deletes what it made: the data folder's contents and the cache. System packages stay, since other
 * programs may use them by now; the command that removes them is printed.
 *
 * @throws Failure `uninstall_refused`
 */
export async function uninstall(
  folder: string,
  yes: boolean,
  context: Context,
): Promise<void> {
  const { cache, progress, terminal, uid } = context;
  if (!yes) {
    const question = `Delete all data in ${folder} and the cache ${cache}? [y/N] `;
    if (!terminal || !await askYes(question, "no")) {
      throw new Failure(
        "uninstall_refused",
        `nothing was deleted. To delete ${folder} and ${cache}: npm run uninstall -- --yes`,
      );
    }
  }
  const packages = installedPackages(cache);
  await stop(folder, context);
  emptyDataFolder(folder);
  // What is not ours was left in it: then it stays.
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
  rmSync(cache, { recursive: true, force: true });
  progress.say(
    `  deleted ${folder} and ${cache}; the checkout's node_modules can be deleted with it`,
  );
  if (packages.length > 0) {
    progress.say(
      `  These system packages were installed for Stofka and stay. To remove them:\n  ${
        uid === 0 ? "" : "sudo "
      }apt-get remove --auto-remove ${packages.join(" ")}`,
    );
  }
}
