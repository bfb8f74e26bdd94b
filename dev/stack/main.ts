import { Failure, reason } from "#core/failure.ts";
import { fileURLToPath } from "node:url";
import { cacheFolder, type Context } from "./context.ts";
import { readKept } from "./data_folder.ts";
import { detach } from "./detach.ts";
import { migrate } from "./migrate.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { watchParent } from "./parent.ts";
import { progressTo } from "./progress.ts";
import { prepareStart, start } from "./start.ts";
import { status } from "./status.ts";
import { stop } from "./stop.ts";
import { testRun } from "./test_run.ts";
import { uninstall } from "./uninstall.ts";

/** The local stack's commands. Started by dev/bootstrap.mjs, which sees to packages and runtime. */
async function main(): Promise<number> {
  const { STOFKA_PARENT_PID: parent = process.ppid, ...environment } = process.env;
  const checkout = fileURLToPath(new URL("../../", import.meta.url));
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stopping.abort());
  }
  const context: Context = {
    checkout,
    cache: cacheFolder(environment),
    environment,
    uid: process.getuid?.() ?? -1,
    terminal: Boolean(process.stdin.isTTY && process.stdout.isTTY),
    progress: progressTo((text) => void process.stdout.write(text), () => performance.now()),
    signal: stopping.signal,
  };
  try {
    const options = parseOptions(process.argv.slice(2), environment, {
      checkout,
      folder: environment["INIT_CWD"] ?? process.cwd(), // npm goes to the checkout; the user may stand elsewhere
    });
    if (options.help) {
      context.progress.say(HELP);
      return 0;
    }
    if (!options.detach) watchParent(Number(parent), () => stopping.abort());
    return await carryOut(options, context);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === "stopped" && stopping.signal.aborted) return 130;
    process.stderr.write(`\nstofka: ${error.message}\n`);
    if (error.cause !== undefined) process.stderr.write(`  because: ${reason(error.cause)}\n`);
    return error.code === "usage" ? 2 : 1;
  }
}

async function carryOut(options: Options, context: Context): Promise<number> {
  // Another user's folder is refused in a sentence, before anything in it is touched.
  if (options.command !== "test") readKept(options.dataFolder);
  switch (options.command) {
    case "start": {
      const prepared = await prepareStart(options, context);
      if (options.detach && context.environment["STOFKA_DETACHED"] === undefined) {
        return await detach(options, context);
      }
      await start(options, prepared, context);
      return 0;
    }
    case "stop":
      await stop(options.dataFolder, context);
      return 0;
    case "status":
      return await status(options.dataFolder, context) ? 0 : 1;
    case "uninstall":
      await uninstall(options.dataFolder, options.yes, context);
      return 0;
    case "migrate":
      return await migrate(options, context);
    case "test":
      return await testRun(options, context);
  }
}

process.exit(await main());
