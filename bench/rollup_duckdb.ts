import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { FOLDED_FROM, INTERVALS } from "#core/interval.ts";
import { wantsHelp } from "./product.ts";

wantsHelp(
  `The peer of rollup: DuckDB folds the same seconds through the same levels, each from the level below.

  --markets N     (default 400)
  --hours N       of seconds, each market trading in every one (default 12: 17.28 million rows at 400 markets)
  --threads N     (default: as many as there are cores)

DuckDB is installed beside the project, into ~/.cache/stofka/peers, when this is run first (70 MB). It keeps the rows in memory,
folds all of them at once, and is asked for nothing else: no key, no revision, no coverage, no commit that survives a crash.`,
);

const { values } = parseArgs({
  options: {
    markets: { type: "string", default: "400" },
    hours: { type: "string", default: "12" },
    threads: { type: "string" },
  },
});

const PACKAGE = "@duckdb/node-api";
const VERSION = "1.5.6-r.1";
const START = "2026-01-15 00:00:00";

/** What is used of DuckDB: it is no dependency, so its types are not here. */
interface DuckDb {
  readonly DuckDBInstance: {
    create(path: string): Promise<{
      connect(): Promise<{
        runAndReadAll(
          sql: string,
        ): Promise<{ getRowObjects(): readonly Record<string, unknown>[] }>;
      }>;
    }>;
  };
}

async function main(): Promise<void> {
  const instance = await peer().DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const run = (sql: string) => connection.runAndReadAll(sql);
  if (values.threads !== undefined) await run(`SET threads = ${Number(values.threads)}`);
  const seconds = Number(values.hours) * 3_600;
  // the rows of rollup.ts; in the order of their arrival
  await run(`
    CREATE TABLE c_1s AS
    SELECT t AS starts_at, 'KRW-M' || m AS market,
      (142009000 + m + s % 97)::DECIMAL(20, 8) AS open, (142009099 + m)::DECIMAL(20, 8) AS high,
      (142009000 + m)::DECIMAL(20, 8) AS low, (142009000 + m + s % 89)::DECIMAL(20, 8) AS close,
      (((m * 7919 + s * 104729) % 900000000)::DECIMAL(20, 0) / 100000000)::DECIMAL(20, 8) AS volume,
      (((m * 860743 + s * 31) % 99999999)::DECIMAL(20, 0) / 100000)::DECIMAL(20, 8) AS turnover
    FROM (
      SELECT TIMESTAMP '${START}' + to_seconds(n) AS t, epoch(TIMESTAMP '${START}')::BIGINT + n AS s
      FROM range(${seconds}) r(n)
    ), (SELECT unnest(range(1, ${Number(values.markets)} + 1)) AS m)`);
  const [count] = (await run("SELECT count(*)::INTEGER AS rows FROM c_1s")).getRowObjects();
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  let rows = 0;
  for (const interval of INTERVALS.slice(1)) {
    const width = interval.replace(/mo$/, " months").replace(/m$/, " minutes")
      .replace(/h$/, " hours").replace(/d$/, " days").replace(/w$/, " weeks");
    await run(`
      CREATE TABLE c_${interval} AS
      SELECT time_bucket(INTERVAL '${width}', starts_at, TIMESTAMP '${
      interval === "1mo" ? "1970-01-01" : "1970-01-05"
    }') AS starts_at, market, arg_min(open, c.starts_at) AS open, max(high) AS high, min(low) AS low,
        arg_max(close, c.starts_at) AS close, sum(volume) AS volume, sum(turnover) AS turnover
      FROM c_${FOLDED_FROM[interval as keyof typeof FOLDED_FROM]} c GROUP BY 1, 2`);
    const [made] = (await run(`SELECT count(*)::INTEGER AS rows FROM c_${interval}`))
      .getRowObjects();
    rows += made!["rows"] as number;
  }
  const cpu = process.cpuUsage(cpuBefore);
  console.log(
    `DuckDB ${VERSION}: ${count!["rows"]} seconds into ${rows} candles in ${
      ((performance.now() - startedAt) / 1_000).toFixed(2)
    } s; CPU ${((cpu.user + cpu.system) / 1e6).toFixed(2)} s`,
  );
}

function peer(): DuckDb {
  const folder = join(homedir(), ".cache", "stofka", "peers", `duckdb-${VERSION}`);
  if (!existsSync(join(folder, "node_modules", PACKAGE))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }');
    console.log(`installing ${PACKAGE} ${VERSION} into ${folder}`);
    execFileSync("npm", ["install", "--no-audit", "--no-fund", `${PACKAGE}@${VERSION}`], {
      cwd: folder,
      stdio: "inherit",
    });
  }
  return createRequire(join(folder, "package.json"))(PACKAGE) as DuckDb;
}

await main();
