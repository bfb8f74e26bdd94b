import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import type { Job } from "../../dev/stack/part.ts";
import { choosePorts } from "../../dev/stack/ports.ts";
import {
  initPostgres,
  OWNER,
  type PostgresOptions,
  postgresPart,
  postgresUrl,
  prepareDatabase,
  SUPERUSER,
} from "../../dev/stack/postgres_server.ts";
import { postgresHome } from "../../dev/stack/server_user.ts";
import { testServers } from "../../tests/servers.ts";
import { tied } from "../../tests/tied.ts";
import { until } from "../../tests/until.ts";

const PASSWORD = "only-for-this-test";

/** A PostgreSQL with pg_cron that a test may crash: one of its own, as the local stack runs it, in a temporary folder. */
export class PostgresProcess {
  readonly database: string = "stofka_crash_test";
  readonly #options: PostgresOptions;
  readonly #folder: string;
  #child: ChildProcess | null = null;

  private constructor(options: PostgresOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  static async start(): Promise<PostgresProcess> {
    const folder = mkdtempSync(join(tmpdir(), "stofka-postgres-"));
    const home = postgresHome(folder, undefined, process.getuid!());
    const server = new PostgresProcess({
      binFolder: testServers().postgresBin,
      folder: home.folder,
      port: (await choosePorts(["postgres"], {})).postgres!,
      superuserPassword: PASSWORD,
      ownerPassword: PASSWORD,
      cronDatabase: "stofka_crash_test",
      user: home.user,
      // the machine stays up, so what was written is there after a crash of the server
      settings: { fsync: "off" },
    }, folder);
    await initPostgres(server.#options, async (job) => {
      const [code] = await once(run(job), "exit");
      if (code !== 0) throw new Error(`${job.name} ended with ${code}`);
    });
    server.#child = run(postgresPart(server.#options));
    await server.serves();
    await prepareDatabase(server.#options, server.database);
    return server;
  }

  /** As the owner, or as the superuser. */
  url(as: "owner" | "superuser"): string {
    const user = as === "owner" ? OWNER : SUPERUSER;
    return postgresUrl(this.#options.port, user, PASSWORD, this.database);
  }

  /** The server's first process: the one that survives a crash of the others. */
  get pid(): number {
    return this.#child!.pid!;
  }

  /** Resolves when it answers queries. */
  async serves(): Promise<void> {
    const part = postgresPart(this.#options);
    await until(
      "PostgreSQL answers",
      30_000,
      () => part.ready().then(() => true, () => false),
    );
  }

  async remove(): Promise<void> {
    const child = this.#child;
    if (child !== null && child.exitCode === null) {
      child.kill("SIGQUIT"); // at once
      await once(child, "exit");
    }
    for (const path of new Set([this.#folder, dirname(this.#options.folder)])) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

function run({ command, args, cwd }: Job): ChildProcess {
  return tied(spawn(command, args, { ...(cwd === undefined ? {} : { cwd }), stdio: "ignore" }));
}
