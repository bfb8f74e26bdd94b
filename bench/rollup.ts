import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Database, postgresClient } from "#adapters/postgres.ts";
import { migrate, readMigrations } from "../sql/migrator.ts";
import { machine, wantsHelp } from "./product.ts";
import { quantile } from "./sse_client.ts";

wantsHelp(
  `Roll-ups: one minute of all markets through every level, forming buckets included, and all that is stored from scratch.

  POSTGRES_URL    an owner's who may create databases; a scratch database is made beside it and dropped at the end
  --markets N     (default 400)
  --hours N       of seconds, each market trading in every one (default 12: 17.28 million rows at 400 markets)
  --minutes N     measured (default 30)
  --keep NAME     of the scratch database, which stays: the next run with the name does what is still to be done, so that the
                  minutes can be measured apart from an hour of preparation, and again

CPU is that of the server's process that folds, and says more than the clock on a machine that others use.`,
);

const { values } = parseArgs({
  options: {
    markets: { type: "string", default: "400" },
    hours: { type: "string", default: "12" },
    minutes: { type: "string", default: "30" },
    keep: { type: "string" },
  },
});

const MARKETS = Number(values.markets);
const HOURS = Number(values.hours);
const MINUTES = Number(values.minutes);
/** A Thursday, so that the week is not the day's. */
const START_MS = Date.UTC(2026, 0, 15);

async function main(): Promise<void> {
  const address = process.env["POSTGRES_URL"];
  if (address === undefined) throw new Error("POSTGRES_URL is missing: an owner's, with CREATEDB");
  const name = values.keep ?? `stofka_bench_${process.pid}`;
  const outer = client(address);
  const [existing] = await outer`SELECT 1 FROM pg_database WHERE datname = ${name}`;
  if (existing === undefined) await outer.unsafe(`CREATE DATABASE ${name}`);
  const sql = client(Object.assign(new URL(address), { pathname: `/${name}` }).href);
  try {
    await migrate(sql, await readMigrations(new URL("../sql", import.meta.url).pathname));
    console.log(machine());
    await fill(sql);
    await fromScratch(sql);
    await minuteByMinute(sql);
  } finally {
    await sql.end({ timeout: 5 });
    if (values.keep === undefined) await outer.unsafe(`DROP DATABASE ${name}`);
    await outer.end({ timeout: 5 });
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();
const END_MS = START_MS + HOURS * 3_600_000;

/** Up to when there are seconds, ms; START_MS when there are none. */
async function filledUntilMs(sql: Database): Promise<number> {
  const [row] = await sql`SELECT max(starts_at) AS newest FROM market_candle_1s`;
  const newest = row!["newest"] as Date | null;
  return newest === null ? START_MS : newest.getTime() + 1_000;
}

/** Every market trades in every second: the most there can be. Digits as on the wire, rows in the order of arrival. */
async function fill(sql: Database): Promise<void> {
  const startedAt = performance.now();
  const [marked] = await sql`SELECT 1 FROM coverage_session`;
  if (marked !== undefined) return;
  for (let ms = START_MS; ms <= END_MS; ms += 86_400_000) {
    await sql`SELECT ensure_seconds_day(${iso(ms).slice(0, 10)}::text::date)`;
  }
  for (let hour = await filledUntilMs(sql); hour < END_MS; hour += 3_600_000) {
    await trade(sql, hour, hour + 3_600_000);
  }
  await sql`ANALYZE market_candle_1s`;
  await sql`
    INSERT INTO coverage_session
      (session, partition, markets, since, until, written_at, ended, cause)
    SELECT 'bench', p, array(SELECT 'KRW-M' || m FROM generate_series(1, ${MARKETS}::int) m WHERE m % 12 = p),
      ${iso(START_MS)}::text::timestamptz, ${iso(END_MS + 500)}::text::timestamptz,
      ${iso(END_MS + 500)}::text::timestamptz, false, 'started'
    FROM generate_series(0, 11) p`;
  const [row] = await sql`SELECT count(*)::int AS rows FROM market_candle_1s`;
  console.log(`${row!["rows"]} seconds of ${MARKETS} markets in ${since(startedAt)} s`);
}

async function trade(sql: Database, sinceMs: number, untilMs: number): Promise<void> {
  await sql`
    INSERT INTO market_candle_1s
    SELECT t, t + interval '0.824 s', t + interval '1.007 s', 0, 'websocket', 0, false, 'KRW-M' || m,
      142009000 + m + s % 97, 142009099 + m, 142009000 + m, 142009000 + m + s % 89,
      trim_scale((m * 7919 + s * 104729) % 900000000 / 1e8), trim_scale((m * 860743 + s * 31) % 99999999 / 1e5)
    FROM (SELECT t, extract(epoch FROM t)::bigint AS s FROM generate_series(
        ${iso(sinceMs)}::text::timestamptz, ${
    iso(untilMs - 1_000)
  }::text::timestamptz, interval '1 s') t) seconds,
      generate_series(1, ${MARKETS}::int) m
    ORDER BY s, m`;
}

async function fromScratch(sql: Database): Promise<void> {
  const [begun] = await sql`SELECT 1 FROM market_candle LIMIT 1`;
  if (begun === undefined) {
    await sql`
    INSERT INTO candle_dirty (interval, market, starts_at)
    SELECT '1m', 'KRW-M' || m, t FROM generate_series(1, ${MARKETS}::int) m,
      generate_series(${iso(START_MS)}::text::timestamptz, ${
      iso(END_MS - 60_000)
    }::text::timestamptz, interval '1 minute') t`;
  }
  const startedAt = performance.now();
  const cpuBefore = await cpuMs(sql);
  const rounds: number[] = [];
  for (;;) {
    const roundAt = performance.now();
    const [row] = await sql`SELECT * FROM rollup_round(${
      iso(END_MS + 600_000)
    }::text::timestamptz, 2000)`;
    if (row!["folded"] === 0) break;
    rounds.push(performance.now() - roundAt);
  }
  if (rounds.length === 0) return;
  const [row] = await sql`SELECT count(*)::int AS rows FROM market_candle`;
  rounds.sort((a, b) => a - b);
  console.log(
    `from scratch: ${MARKETS * HOURS * 3_600} seconds into ${row!["rows"]} candles in ${
      since(startedAt)
    } s, ` +
      `${rounds.length} rounds, p99 ${quantile(rounds, 0.99).toFixed(0)} ms; ` +
      `CPU ${((await cpuMs(sql) - cpuBefore) / 1_000).toFixed(1)} s`,
  );
}

async function minuteByMinute(sql: Database): Promise<void> {
  const times: number[] = [];
  const idle: number[] = [];
  const cpu: number[] = [];
  const round = async (at: number): Promise<number> => {
    const startedAt = performance.now();
    await sql`SELECT * FROM rollup_round(${iso(at)}::text::timestamptz, 2000)`;
    return performance.now() - startedAt;
  };
  const beginMs = await filledUntilMs(sql);
  for (let minute = 0; minute < MINUTES; minute++) {
    const startMs = beginMs + minute * 60_000;
    const endMs = startMs + 60_000;
    await trade(sql, startMs, endMs);
    // marks come each second on a real day: what this jump of theirs costs is not measured
    await round(endMs - 500);
    await sql`
      INSERT INTO candle_dirty (interval, market, starts_at)
      SELECT '1m', 'KRW-M' || m, ${
      iso(startMs)
    }::text::timestamptz FROM generate_series(1, ${MARKETS}::int) m`;
    idle.push(await round(endMs));
    await sql`UPDATE coverage_session SET until = ${iso(endMs + 1_005)}::text::timestamptz`;
    const cpuBefore = await cpuMs(sql);
    times.push(await round(endMs + 1_100));
    cpu.push(await cpuMs(sql) - cpuBefore);
    await sql`UPDATE coverage_session SET until = ${iso(endMs + 59_000)}::text::timestamptz`;
  }
  const [row] = await sql`
    SELECT count(*)::int AS rows FROM market_candle WHERE until = ${
    iso(beginMs + MINUTES * 60_000)
  }::text::timestamptz`;
  if (row!["rows"] !== MARKETS * 11) {
    throw new Error(`${row!["rows"]} candles reach the last minute's end, not ${MARKETS * 11}`);
  }
  for (
    const [what, values] of [["through all levels", times], ["CPU of it", cpu], [
      "a round with nothing to close",
      idle,
    ]] as const
  ) {
    values.sort((a, b) => a - b);
    console.log(
      `a minute of ${MARKETS} markets, ${what}: p50 ${quantile(values, 0.5).toFixed(0)} ms, p99 ${
        quantile(values, 0.99).toFixed(0)
      } ms`,
    );
  }
}

/** CPU time of the server's process that serves us, where it is on this machine; 0 elsewhere. */
async function cpuMs(sql: Database): Promise<number> {
  const [row] = await sql`SELECT pg_backend_pid() AS pid`;
  try {
    const stat = await readFile(`/proc/${row!["pid"]}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}

function since(startedAt: number): string {
  return ((performance.now() - startedAt) / 1_000).toFixed(1);
}

function client(url: string): Database {
  return postgresClient({
    url,
    applicationName: "stofka bench",
    connectionsMax: 1,
    statementTimeoutMs: 0,
  });
}

await main();
