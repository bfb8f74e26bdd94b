import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { spawnSync } from "node:child_process";
import { Failure } from "#core/failure.ts";
import type { Context } from "./context.ts";
import { assertDiskSpace } from "./data_folder.ts";
import type { Options } from "./options.ts";
import { choosePorts } from "./ports.ts";
import { preparePrograms, serverPrograms } from "./prepare.ts";
import { onPath } from "./programs.ts";
import { makeSecrets } from "./secrets.ts";
import { postgresHome } from "./server_user.ts";
import { SERVER_PARTS, SERVER_PORTS, startServers } from "./servers.ts";
import { Supervisor } from "./supervisor.ts";
import type { Need } from "./system_packages.ts";
import { readTally, type Tally, tallyLine } from "./test_tally.ts";

/** The database of the tests' server in which pg_cron works. */
const TEST_DATABASE = "stofka_test";

/**
 * Runs the tests against one set of real servers in a temporary folder, with the pinned Node first on the PATH. Test files
 * find the servers in STOFKA_TEST_SERVERS. The last line says how many passed and failed, whatever happened; nothing is left
 * behind.
 *
 * @returns the runner's exit code
 */
export async function testRun(options: Options, context: Context): Promise<number> {
  let code = 1;
  let tally = NOT_RUN;
  try {
    ({ code, tally } = await testsOnServers(options, context));
    return code;
  } catch (error) {
    // Above the last line, not below it.
    if (error instanceof Failure) context.progress.say(`\nstofka: ${error.message}\n`);
    else console.error(error);
    return context.signal.aborted ? 130 : 1;
  } finally {
    context.progress.say(tallyLine(tally));
  }
}

/** A run that did not come to its tests is no success. */
const NOT_RUN: Tally = { passed: 0, failed: 1, skipped: 0 };

async function testsOnServers(
  options: Options,
  context: Context,
): Promise<{ code: number; tally: Tally }> {
  const { environment, progress, signal, uid, checkout } = context;
  const bin = join(checkout, "node_modules", ".bin");
  const programs = await preparePrograms(context, {
    yes: true,
    install: options.install,
    furtherNeeds: testNeeds(environment, bin),
  });
  assertDiskSpace(tmpdir());
  const folder = mkdtempSync(join(tmpdir(), "stofka-test-"));
  const home = postgresHome(folder, undefined, uid);
  const removes = [folder, ...home.user.kind === "postgres" ? [dirname(home.folder)] : []];
  const supervisor = new Supervisor({
    folder,
    environment,
    onEnd: ({ part, how, log, lastLines }) =>
      progress.say(`  ! ${part} ended (${how}); its log ${log} ends:\n${lastLines.join("\n")}`),
    removes,
  });
  const end = () => supervisor.end([{ names: SERVER_PARTS, graceMs: 5_000 }]);
  const stopEarly = () => void end();
  signal.addEventListener("abort", stopEarly, { once: true });
  try {
    const found = serverPrograms(programs, context, (job) => supervisor.run(job));
    const servers = await startServers(
      {
        folder,
        ports: await choosePorts(SERVER_PORTS, {}),
        secrets: makeSecrets(),
        programs: found,
        database: TEST_DATABASE,
        postgres: home,
        // A throw-away cluster needs no disk to believe in.
        postgresSettings: { fsync: "off", synchronous_commit: "off", full_page_writes: "off" },
      },
      supervisor,
      progress.step,
    );
    const report = join(folder, "report.json");
    const how = await supervisor.runInTheOpen({
      name: "vitest",
      command: join(bin, "node"),
      args: [
        join(checkout, "node_modules/vitest/vitest.mjs"),
        "run",
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${report}`,
        ...options.rest,
      ],
      cwd: checkout,
      env: {
        ...whole(environment),
        PATH: `${bin}${delimiter}${environment["PATH"] ?? ""}`,
        STOFKA_TEST_SERVERS: JSON.stringify({
          kafka: servers.kafka,
          postgres: servers.postgresSuperuser,
          postgresOwner: servers.postgresOwner,
          redis: servers.redis,
          kafkaHome: await found.kafkaJars(),
          javaHome: dirname(dirname(found.java)),
          postgresBin: found.postgresBin,
          redisServer: found.redis,
        }),
      },
    });
    const code = Number(/^exit code (\d+)$/.exec(how)?.[1] ?? 1);
    const tally = readTally(report, code);
    if (tally.note !== undefined) progress.say(`\n  the test runner: ${how}; ${tally.note}`);
    return { code: code === 0 && tally.failed > 0 ? 1 : code, tally };
  } finally {
    signal.removeEventListener("abort", stopEarly);
    await end();
    for (const path of removes) rmSync(path, { recursive: true, force: true });
  }
}

/** What only tests need of the system: a browser that shows Korean, and what the pinned Node is linked with. */
function testNeeds(
  environment: Readonly<Record<string, string | undefined>>,
  bin: string,
): Need[] {
  const needs: Need[] = [];
  if (onPath(environment, "chromium") === undefined) needs.push("chromium");
  const fonts = spawnSync("fc-list", [":lang=ko", "family"], { encoding: "utf8" });
  if ((fonts.stdout ?? "").trim() === "") needs.push("koreanFont");
  const node = spawnSync(join(bin, "node"), ["--version"], { encoding: "utf8" });
  if (node.stderr?.includes("libatomic")) needs.push("libatomic");
  else if (node.status !== 0) {
    throw new Failure(
      "node_missing",
      `the pinned Node in ${bin}/node does not run: ${
        node.error?.message ?? node.stderr
      }; this platform may have none, see tests/node/package.json`,
    );
  }
  return needs;
}

/** Tests see the user's environment: they take settings of their own from it, such as the folder of recordings. */
function whole(environment: Context["environment"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] =>
      entry[1] !== undefined
    ),
  );
}
