import { spawn } from "node:child_process";
import { join } from "node:path";
import { Failure } from "#core/failure.ts";
import type { Context } from "./context.ts";
import { readKept } from "./data_folder.ts";
import type { Options } from "./options.ts";
import { ownRuntime } from "./runtime.ts";
import type { Secrets } from "./secrets.ts";
import { readStackFile } from "./stack_file.ts";

/** Runs, environment included: the migrator on a running stack's database. */
export function migrateCommand(
  { checkout, cache, postgres, secrets }: {
    readonly checkout: string;
    readonly cache: string;
    /** URL of the owner. */
    readonly postgres: string;
    readonly secrets: Secrets;
  },
  args: readonly string[] = [],
) {
  const runtime = ownRuntime(cache);
  const { host } = new URL(postgres);
  return {
    name: "migrate",
    ...runtime.command(
      [
        `--allow-net=${host}`,
        "--allow-env",
        "--allow-sys=uid",
        `--allow-read=${join(checkout, "sql")}`,
      ],
      join(checkout, "sql", "migrate.ts"),
      args,
    ),
    env: {
      ...runtime.env,
      POSTGRES_URL: postgres,
      STOFKA_PERSIST_PASSWORD: secrets.postgresPersist,
      STOFKA_STREAM_PASSWORD: secrets.postgresStream,
      STOFKA_REPAIR_PASSWORD: secrets.postgresRepair,
    },
    cwd: checkout,
  };
}

/**
 * `npm run migrate`: on the running stack of the data folder.
 *
 * @returns the migrator's exit code
 * @throws Failure `not_running`
 */
export function migrate(
  { dataFolder, statusOnly }: Options,
  { checkout, cache, environment }: Context,
): Promise<number> {
  const stack = readStackFile(dataFolder);
  const kept = readKept(dataFolder);
  if (stack === undefined || kept === undefined) {
    throw new Failure(
      "not_running",
      `no stack runs on ${dataFolder}, so there is no database to migrate; start it with npm start, which migrates too`,
    );
  }
  const { command, args, env, cwd } = migrateCommand(
    { checkout, cache, postgres: stack.postgres, secrets: kept.secrets },
    statusOnly ? ["--status"] : [],
  );
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...environment, ...env } as NodeJS.ProcessEnv,
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
