import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Failure, reason } from "#core/failure.ts";
import { ALERTS } from "./alerts/alerts.ts";
import { PROOFS } from "./alerts/proofs.ts";
import { ruleTests } from "./alerts/rule_tests.ts";
import { DASHBOARDS } from "./boards/all.ts";
import { ALERTMANAGER_FILE, monitoringFiles, RULES_FILE, text } from "./files.ts";
import { ask, complaints, questions } from "./live.ts";
import { staticScrape } from "./scrape.ts";

const USAGE =
  `npm run dashboards                    writes Grafana's, Prometheus's and Alertmanager's files
  -- --out <folder>        where to; default dist/dashboards
  -- --runbooks <address>  where docs/runbooks can be read; default its path
  -- --check               holds them against promtool and amtool, each alert's firing and clearing included
  -- --live                asks every query of a Prometheus of its own that scrapes the running stack
       --data <folder>     whose stack; default .stofka
       --seconds <n>       how long it scrapes first; default 90
--check and --live need Debian's packages prometheus and prometheus-alertmanager.
`;

const checkout = resolve(import.meta.dirname!, "..");

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: join(checkout, "dist/dashboards") },
      runbooks: { type: "string" },
      check: { type: "boolean", default: false },
      live: { type: "boolean", default: false },
      data: { type: "string", default: join(checkout, ".stofka") },
      seconds: { type: "string", default: "90" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  write(resolve(values.out), values.runbooks);
  if (values.check) check();
  if (values.live) return await live(resolve(values.data), Number(values.seconds));
  return 0;
}

/** Nothing listens there: whoever deploys gives real addresses. */
const NOBODY = {
  criticalUrl: "http://127.0.0.1:9/critical",
  warningUrl: "http://127.0.0.1:9/warning",
};

function write(folder: string, runbooks: string | undefined): void {
  const files = monitoringFiles({
    receivers: NOBODY,
    ...(runbooks === undefined ? {} : { runbooks }),
  });
  for (const [path, content] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  process.stdout.write(`${files.size} files in ${folder}\n`);
}

/** @throws Failure `check_failed`, `program_missing` */
function check(): void {
  inFolder((folder) => {
    write(folder, undefined);
    const tests = join(folder, "tests.json");
    writeFileSync(tests, text(ruleTests(PROOFS, ALERTS, join(folder, RULES_FILE))));
    run("promtool", ["check", "rules", join(folder, RULES_FILE)]);
    run("promtool", ["test", "rules", tests]);
    run("amtool", ["check-config", join(folder, ALERTMANAGER_FILE)]);
  });
}

function run(program: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { stdio: "inherit" });
  if (error !== undefined) throw missing(program, error);
  if (status !== 0) {
    throw new Failure("check_failed", `${program} ${args.join(" ")} found what is above`);
  }
}

function missing(program: string, error: unknown): Failure {
  return new Failure(
    "program_missing",
    `${program} does not start; on Debian: apt-get install prometheus prometheus-alertmanager`,
    error,
  );
}

/** Prometheus on the running stack, every question once, then the end. */
async function live(data: string, seconds: number): Promise<number> {
  const stack = JSON.parse(readFileSync(join(data, "stack.json"), "utf8")) as {
    readonly page: string;
    readonly metrics: Readonly<Record<string, string>>;
  };
  const folder = mkdtempSync(join(tmpdir(), "stofka-prometheus-"));
  const reader = new AbortController();
  let prometheus: ChildProcess | undefined;
  try {
    write(folder, undefined);
    const services = Object.fromEntries(
      Object.entries(stack.metrics).map(([name, url]) => [name, [new URL(url).host]]),
    );
    const config = join(folder, "prometheus.json");
    const rules = [join(folder, RULES_FILE)];
    writeFileSync(config, text(staticScrape({ environment: "local", services }, rules)));
    const address = `127.0.0.1:${await freePort()}`;
    prometheus = spawn("prometheus", [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=${address}`,
      "--log.level=warn",
    ], { stdio: ["ignore", "inherit", "inherit"] });
    const ended = new Promise<never>((_, reject) => {
      prometheus!.once("error", (error) => reject(missing("prometheus", error)));
      prometheus!.once("exit", (code) => reject(new Failure("prometheus_ended", `exit ${code}`)));
    });
    ended.catch(() => {}); // waited for below
    const reading = readStream(stack.page, reader.signal);
    process.stdout.write(`scraping ${Object.keys(services).join(", ")} for ${seconds} s\n`);
    await Promise.race([sleep(seconds * 1_000), ended, reading]);
    const answers = [];
    for (const question of questions(DASHBOARDS, ALERTS)) {
      answers.push(await ask(`http://${address}`, question));
    }
    const empty = answers.filter(({ series }) => series === 0);
    const found = complaints(answers);
    for (const { question: { where, mayBeEmpty } } of empty) {
      if (mayBeEmpty !== undefined) {
        process.stdout.write(`empty, as it may be: ${where} (${mayBeEmpty})\n`);
      }
    }
    for (const { question: { where }, series = 0 } of answers.slice(-ALERTS.length)) {
      if (series > 0) process.stdout.write(`holds now: ${where}\n`);
    }
    for (const complaint of found) process.stdout.write(`${complaint}\n`);
    process.stdout.write(
      `${answers.length} queries, ${empty.length} empty, ${found.length} wrong\n`,
    );
    return found.length === 0 ? 0 : 1;
  } finally {
    reader.abort();
    prometheus?.removeAllListeners("exit");
    if (prometheus?.exitCode === null && prometheus.kill("SIGTERM")) {
      await new Promise((resolve) => prometheus!.once("exit", resolve));
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One reader of all markets, so that the way to readers is measured. */
async function readStream(page: string, signal: AbortSignal): Promise<never> {
  const response = await fetch(new URL("/api/stream", page), { signal });
  try {
    for await (const _ of response.body!);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (signal.aborted) return new Promise(() => {});
  throw new Failure("stream_ended", `${page}api/stream ended by itself`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function inFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "stofka-dashboards-"));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Failure || error instanceof TypeError)) throw error;
  process.stderr.write(`dashboards: ${reason(error)}\n`);
  process.exitCode = 1;
}
