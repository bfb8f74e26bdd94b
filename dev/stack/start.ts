import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { createLog } from "#adapters/log.ts";
import { Failure, reason } from "#core/failure.ts";
import { sleep } from "#core/lifecycle.ts";
import { databaseName } from "#core/namespace.ts";
import { closingBlock, exchangeSentence } from "./closing_block.ts";
import type { Context } from "./context.ts";
import {
  assertDiskSpace,
  emptyDataFolder,
  freeBytes,
  type Kept,
  openDataFolder,
  readKept,
  writeKept,
} from "./data_folder.ts";
import { budgetBytes, diskShares, topicPlansWithin, usualBudgetBytes } from "./disk_budget.ts";
import { diskUsage } from "./disk_usage.ts";
import {
  chooseExchange,
  type ExchangeAddress,
  exchangeAddress,
  type ExchangeChoice,
  exchangeNamespace,
  upbitAnswers,
} from "./exchange_choice.ts";
import { exchangePart } from "./exchange_process.ts";
import { migrateCommand } from "./migrate.ts";
import type { Options } from "./options.ts";
import { claimFolder, endOrphans, releaseFolder, runningSupervisor } from "./orphans.ts";
import { choosePagePort, choosePorts, type PortName, type Ports } from "./ports.ts";
import { preparePrograms, serverPrograms } from "./prepare.ts";
import type { Programs } from "./programs.ts";
import { askYes } from "./question.ts";
import { ownRuntime } from "./runtime.ts";
import { postgresHome } from "./server_user.ts";
import { SERVER_PARTS, SERVER_PORTS, startServers } from "./servers.ts";
import { REST_BUDGET } from "../../services/ingest/config.ts";
import { SERVICE_NAMES } from "../../services/permissions.ts";
import { opsUrl, serviceParts, whatIsMissing } from "./services.ts";
import { readStackFile, removeStackFile, topicNames, writeStackFile } from "./stack_file.ts";
import { type PartEnded, Supervisor } from "./supervisor.ts";
import { buildPage, webRoot } from "./web_page.ts";

const SERVICE_PORTS: readonly PortName[] = [
  "exchange",
  "exchangeControl",
  "ingestOps",
  "persistOps",
  "streamOps",
];

/** Services first, since they hand on what they hold; then the servers. 4.5 + 5 s at most, so all is over within 10 s. */
const STOP_GROUPS = [
  { names: [...SERVICE_NAMES, "exchange"], graceMs: 4_600 },
  { names: SERVER_PARTS, graceMs: 4_900 },
];

/** A laptop's disk holds a week of seconds of all markets; longer intervals stay. */
const KEEP_DAYS = 7;

const CLEAR_UP_MS_MAX = 500;

/** The exchange may take this long to be reached before the start is called done without it. */
const LINK_MS_MAX = 5_000;

/** A folder that is opened, ours, and ready to start in. */
export interface Prepared {
  readonly kept: Kept;
  readonly programs: Programs;
}

/**
 * What can ask or refuse, and so comes before anything runs: the folder, the disk, the packages.
 *
 * @throws Failure with a remedy
 */
export async function prepareStart(options: Options, context: Context): Promise<Prepared> {
  const { dataFolder } = options;
  const running = runningSupervisor(dataFolder);
  if (running !== undefined) claimFolder(dataFolder, readStackFile(dataFolder)?.page);
  if (options.reset) await resetFolder(options, context);
  if (options.exchange?.kind === "replay" && !existsSync(options.exchange.file)) {
    throw new Failure(
      "replay_missing",
      `there is no capture ${options.exchange.file}; name a file`,
    );
  }
  const kept = openDataFolder(dataFolder);
  removeStackFile(dataFolder); // of a start that was killed: where nothing is any more
  mkdirSync(join(dataFolder, "run"), { recursive: true, mode: 0o700 });
  assertDiskSpace(dataFolder);
  const programs = await preparePrograms(context, {
    yes: options.yes,
    install: options.install,
    postgresMajor: postgresMajor(dataFolder, kept),
  });
  return { kept, programs };
}

/** Starts everything, says where it is, and runs until the signal aborts. */
export async function start(options: Options, prepared: Prepared, context: Context): Promise<void> {
  const { dataFolder } = options;
  claimFolder(dataFolder, undefined);
  const { progress, environment, signal } = context;
  const ended = await endOrphans(dataFolder);
  if (ended.length > 0) progress.say(`  ended what a killed start had left: ${ended.join(", ")}`);
  let onChange = () => {};
  const supervisor = new Supervisor({
    folder: dataFolder,
    environment,
    onEnd: (event) => progress.say(endedSentence(event)),
    onChange: () => onChange(),
  });
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const starting = startAll(options, prepared, context, supervisor, (write) => onChange = write);
  try {
    await Promise.race([starting, aborted]);
    if (!signal.aborted) {
      progress.say(await starting);
      await aborted;
    }
  } finally {
    onChange = () => {};
    const begunAt = performance.now();
    await supervisor.end(STOP_GROUPS);
    // Its failure was thrown above, or is that it was stopped. It may clear up; what hangs on a server that is gone is left.
    await Promise.race([starting.catch(() => {}), delay(CLEAR_UP_MS_MAX)]);
    removeStackFile(dataFolder);
    releaseFolder(dataFolder);
    progress.say(`  stopped in ${((performance.now() - begunAt) / 1000).toFixed(1)} s`);
  }
}

/** Resolves with the closing block once everything is ready. */
async function startAll(
  options: Options,
  { kept, programs }: Prepared,
  context: Context,
  supervisor: Supervisor,
  onChange: (write: () => void) => void,
): Promise<string> {
  const { dataFolder } = options;
  const { checkout, cache, progress, environment, uid } = context;
  const runtime = ownRuntime(cache);
  const choice = await chooseExchange(
    options.exchange,
    kept.exchange,
    () => progress.step("asking Upbit", () => upbitAnswers(context.signal)),
  );
  progress.say(exchangeSentence(choice, kept.exchange));
  const page = await choosePagePort(options.port, kept.ports.page);
  const ports = {
    ...await choosePorts([...SERVER_PORTS, ...SERVICE_PORTS], { ...kept.ports, page }),
    page,
  } as Required<Ports>;
  const markets = options.markets ?? kept.markets ?? "all";
  const keepDays = options.keepDays ?? kept.keepDays ?? KEEP_DAYS;
  const restBudget = options.restBudget ?? kept.restBudget ?? REST_BUDGET.usual;
  const home = postgresHome(dataFolder, kept.postgresFolder, uid);
  const diskBudgetBytes = chosenBudget(options, kept);
  const shares = diskShares(diskBudgetBytes);
  writeKept(dataFolder, {
    ...kept,
    ports,
    exchange: choice.wish,
    markets,
    keepDays,
    diskBudgetBytes,
    restBudget,
    ...(home.user.kind === "postgres" ? { postgresFolder: home.folder } : {}),
  });
  const namespace = exchangeNamespace(choice.wish);

  const exchanging = startExchange(
    choice,
    { checkout, folder: dataFolder, ports, runtime },
    supervisor,
    context,
  );
  const paging = progress.step(
    "the page",
    () =>
      buildPage(checkout, dataFolder, (args) =>
        supervisor.run({
          name: "page-build",
          ...runtime.command(["-A"], join(checkout, "node_modules/vite/bin/vite.js"), args),
          env: runtime.env,
          cwd: checkout,
        })),
  );
  const serving = startServers(
    {
      folder: dataFolder,
      ports,
      secrets: kept.secrets,
      programs: serverPrograms(programs, context, (job) => supervisor.run(job)),
      database: databaseName(namespace),
      postgres: home,
      postgresSettings: { max_wal_size: `${Math.floor(shares.walBytes / 1024 ** 2)}MB` },
      afterPostgres: (postgres) =>
        progress.step(
          "database schema",
          () =>
            supervisor.run(migrateCommand({ checkout, cache, postgres, secrets: kept.secrets })),
        ),
      afterKafka: (kafka) =>
        progress.step("topics", async () => {
          const admin = new KafkaAdmin(
            { brokers: [kafka], clientId: "stofka-stack" },
            createLog("stack", "error"),
          );
          await admin.connect();
          try {
            await admin.ensureTopics(namespace, topicPlansWithin(shares.kafkaBytes));
          } finally {
            await admin.close();
          }
        }),
    },
    supervisor,
    progress.step,
  );
  const [servers, address] = await allOf([serving, exchanging, paging] as const);
  const exchange = { kind: choice.wish.kind, ...address };
  const replay = choice.wish.kind === "replay"; // a capture may be of any age: all of it stays
  const parts = serviceParts({
    checkout,
    runtime,
    namespace,
    kafka: servers.kafka,
    redis: servers.redis,
    ports,
    secrets: kept.secrets,
    exchange,
    markets,
    webRoot: webRoot(dataFolder),
    secondsKeptDays: replay ? 0 : keepDays,
    postgresBytesMax: replay ? 0 : shares.databaseBytes,
    restBudget,
    logLevel: environment["LOG_LEVEL"] ?? "info",
  });
  await allOf(parts.map((part) => progress.step(part.name, () => supervisor.start(part))));
  const writeStack = () =>
    writeStackFile(dataFolder, {
      page: `http://127.0.0.1:${page}`,
      kafka: servers.kafka,
      topics: topicNames(namespace),
      postgres: servers.postgresOwner,
      redis: servers.redis,
      exchange,
      metrics: Object.fromEntries(
        SERVICE_NAMES.map((name) => [name, `${opsUrl(name, ports)}/metrics`]),
      ),
      processes: supervisor.processes(),
    });
  writeStack();
  onChange(writeStack);
  return closingBlock({
    page: `http://127.0.0.1:${page}`,
    choice,
    missing: await missingLink(opsUrl("ingest", ports), context.signal),
    dataFolder,
    detached: options.detach,
  });
}

/** What was asked for, or kept from before, or what a new folder gets: what it holds already counts as free. */
function chosenBudget({ dataFolder, diskBudgetGb }: Options, kept: Kept): number {
  if (diskBudgetGb === undefined && kept.diskBudgetBytes !== undefined) return kept.diskBudgetBytes;
  const { postgresBytes, kafkaBytes } = diskUsage(dataFolder, kept);
  const bytes = freeBytes(dataFolder) + postgresBytes + kafkaBytes;
  return diskBudgetGb === undefined ? usualBudgetBytes(bytes) : budgetBytes(diskBudgetGb, bytes);
}

/** What ingest lacks after a little patience: nothing, or why the exchange's prices do not come. */
async function missingLink(ops: string, signal: AbortSignal): Promise<readonly string[]> {
  const until = performance.now() + LINK_MS_MAX;
  for (;;) {
    const missing = await whatIsMissing(ops).catch((error) => [reason(error)]);
    if (missing.length === 0 || performance.now() > until || signal.aborted) return missing;
    await sleep(100, signal);
  }
}

async function startExchange(
  { wish }: ExchangeChoice,
  options: Parameters<typeof exchangePart>[1],
  supervisor: Supervisor,
  { progress }: Context,
): Promise<ExchangeAddress> {
  const known = exchangeAddress(wish);
  if (known !== undefined) return known;
  if (wish.kind !== "simulator" && wish.kind !== "replay") {
    throw new Error(`the exchange ${wish.kind} has no address`);
  }
  const { part, address } = exchangePart(wish, options);
  await progress.step(
    wish.kind === "replay" ? "replaying exchange" : "simulated exchange",
    () => supervisor.start(part),
  );
  return address();
}

/** Like Promise.all, for work that goes on beside a failure: a later failure of another is no unhandled one. */
function allOf<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [Key in keyof T]: Awaited<T[Key]> }> {
  for (const one of work) Promise.resolve(one).catch(() => {});
  return Promise.all(work) as Promise<{ -readonly [Key in keyof T]: Awaited<T[Key]> }>;
}

async function resetFolder({ dataFolder, yes }: Options, { terminal, progress }: Context) {
  if (!existsSync(dataFolder)) return;
  await endOrphans(dataFolder);
  if (readKept(dataFolder) !== undefined && terminal && !yes) {
    const sure = await askYes(`Delete all data in ${dataFolder}? [y/N] `, "no");
    if (!sure) throw new Failure("reset_refused", `nothing was deleted; start without --reset`);
  }
  await progress.step(`deleting ${dataFolder}`, () => {
    emptyDataFolder(dataFolder);
    return Promise.resolve();
  });
}

/** Which PostgreSQL made the folder's cluster; undefined before the first start. */
function postgresMajor(folder: string, kept: Kept): string | undefined {
  const file = join(kept.postgresFolder ?? join(folder, "postgres"), "data", "PG_VERSION");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

function endedSentence({ part, how, log, lastLines, restartInMs }: PartEnded): string {
  const tail = lastLines.map((line) => `      ${line}\n`).join("");
  return `  ! ${part} ended (${how}); it starts again in ${
    (restartInMs / 1000).toFixed(1)
  } s. Its log ${log} ends:\n${tail}`.trimEnd();
}
