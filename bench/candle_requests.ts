import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Database, postgresClient } from "#adapters/postgres.ts";
import { type Interval, INTERVALS } from "#core/interval.ts";
import { market } from "#core/market.ts";
import { History } from "../services/stream/history/history.ts";
import { migrate, readMigrations } from "../sql/migrator.ts";
import { measureRanges } from "./candle_ranges.ts";
import { wantsHelp } from "./product.ts";
import { quantile } from "./sse_client.ts";

wantsHelp(
  `Candle requests answered from PostgreSQL, the forming candle folded: one at a time, and as many as a core carries.

  POSTGRES_URL    an owner's who may create databases; a scratch database is made beside it and dropped at the end
  REDIS_URL       then also with Redis first: misses, hits, and as many as one process answers over HTTP
  --markets N     (default 40)
  --hours N       of seconds, each market trading in every one (default 12)
  --rows N        of a page (default 200)
  --requests N    of each measurement (default 300)
  --only-redis    nothing of PostgreSQL alone

Each request is for another market than the one before, so that none joins another. CPU is this process's and the server's
apart: the first is what a core of a stream replica carries.`,
);

const { values } = parseArgs({
  options: {
    markets: { type: "string", default: "40" },
    hours: { type: "string", default: "12" },
    rows: { type: "string", default: "200" },
    requests: { type: "string", default: "300" },
    "only-redis": { type: "boolean", default: false },
  },
});

const MARKETS = Number(values.markets);
const HOURS = Number(values.hours);
const ROWS = Number(values.rows);
const REQUESTS = Number(values.requests);
/** What the drain has not folded yet: the most there is while it runs. */
const FORMING_S = 61;
const CONNECTIONS = 4;
const START_MS = Date.UTC(2026, 0, 15);
const END_MS = START_MS + HOURS * 3_600_000;

async function main(): Promise<void> {
  const address = process.env["POSTGRES_URL"];
  if (address === undefined) throw new Error("POSTGRES_URL is missing: an owner's, with CREATEDB");
  const name = `stofka_bench_${process.pid}`;
  const outer = client(address, 1);
  await outer.unsafe(`CREATE DATABASE ${name}`);
  const sql = client(Object.assign(new URL(address), { pathname: `/${name}` }).href, CONNECTIONS);
  try {
    await migrate(sql, await readMigrations(new URL("../sql", import.meta.url).pathname));
    await fill(sql);
    const history = new History(sql, { answerMsMax: 30_000, requestsMax: 1_000 });
    const alone = !values["only-redis"];
    for (const interval of alone ? ["1s", "1m", "5m", "1h", "1d"] as const : []) {
      await measure(sql, history, interval);
    }
    const redisUrl = process.env["REDIS_URL"];
    if (redisUrl !== undefined) {
      const markets = Array.from({ length: MARKETS }, (_, at) => marketAt(at));
      await measureRanges({ sql, redisUrl, markets, rows: ROWS, sinceMs: START_MS });
    }
    if (!alone) return;
    // the drain has stood still for the last hour
    await trade(sql, END_MS + 60_000, END_MS + 3_600_000);
    await sql`ANALYZE market_candle_1s`;
    console.log("after an hour without the drain:");
    await measure(sql, history, "1m");
    await measure(sql, history, "1h");
  } finally {
    await sql.end({ timeout: 5 });
    await outer.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
    await outer.end({ timeout: 5 });
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();
const marketAt = (at: number) => market(`KRW-M${at % MARKETS + 1}`);

async function fill(sql: Database): Promise<void> {
  for (let ms = START_MS; ms <= END_MS + 3_600_000; ms += 86_400_000) {
    await sql`SELECT ensure_seconds_day(${iso(ms).slice(0, 10)}::text::date)`;
  }
  for (let hour = START_MS; hour < END_MS; hour += 3_600_000) {
    await trade(sql, hour, hour + 3_600_000);
  }
  await sql`
    INSERT INTO candle_dirty (interval, market, starts_at)
    SELECT '1m', 'KRW-M' || m, t FROM generate_series(1, ${MARKETS}::int) m,
      generate_series(${iso(START_MS)}::text::timestamptz, ${
    iso(END_MS - 60_000)
  }::text::timestamptz, interval '1 minute') t`;
  for (let folded = 1; folded > 0;) {
    const [row] = await sql`SELECT * FROM rollup_round(${iso(END_MS)}::text::timestamptz, 2000)`;
    folded = row!["folded"] as number;
  }
  await trade(sql, END_MS, END_MS + FORMING_S * 1_000);
  await sql.unsafe("ANALYZE");
  const [row] = await sql`SELECT (SELECT count(*) FROM market_candle_1s)::int AS seconds,
    (SELECT count(*) FROM market_candle)::int AS rollups`;
  console.log(`${row!["seconds"]} seconds and ${row!["rollups"]} roll-ups of ${MARKETS} markets`);
}

async function trade(sql: Database, sinceMs: number, untilMs: number): Promise<void> {
  await sql`
    INSERT INTO market_candle_1s
    SELECT t, t + interval '0.824 s', t + interval '1.007 s', 0, 'websocket', 0, false, 'KRW-M' || m,
      142009000 + m + s % 97, 142009099 + m, 142009000 + m, 142009000 + m + s % 89,
      trim_scale((m * 7919 + s * 104729) % 900000000 / 1e8), trim_scale((m * 860743 + s * 31) % 99999999 / 1e5)
    FROM generate_series(1, ${MARKETS}::int) m,
      LATERAL (SELECT t, extract(epoch FROM t)::bigint AS s FROM generate_series(
        ${iso(sinceMs)}::text::timestamptz, ${
    iso(untilMs - 1_000)
  }::text::timestamptz, interval '1 s') t) seconds
    ON CONFLICT DO NOTHING`;
}

async function measure(sql: Database, history: History, interval: Interval): Promise<void> {
  if (!INTERVALS.includes(interval)) throw new Error(interval);
  const ask = (at: number) =>
    history.page({ market: marketAt(at), interval, toMs: null, count: ROWS });
  for (let at = 0; at < 40; at++) await ask(at);
  const times: number[] = [];
  let bytes = 0;
  for (let at = 0; at < REQUESTS; at++) {
    const startedAt = performance.now();
    bytes = (await ask(at)).length;
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  const [cpuBefore, serverBefore, startedAt] = [
    process.cpuUsage(),
    await serverCpuMs(sql),
    performance.now(),
  ];
  let at = 0;
  await Promise.all(Array.from({ length: CONNECTIONS * 4 }, async () => {
    while (at < REQUESTS * 3) await ask(at++);
  }));
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - startedAt) / 1_000;
  const perCore = at / ((user + system) / 1e6);
  const server = at / ((await serverCpuMs(sql) - serverBefore) / 1_000);
  console.log(
    `${interval.padEnd(4)} p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${
      quantile(times, 0.99).toFixed(1)
    } ms, ${bytes} bytes; ${(at / seconds).toFixed(0)}/s, ${perCore.toFixed(0)}/s a core here, ` +
      `${server.toFixed(0)}/s a core of the server`,
  );
}

/** Of every backend of this database, where the machine tells it. */
async function serverCpuMs(sql: Database): Promise<number> {
  const rows = await sql`SELECT pid FROM pg_stat_activity WHERE datname = current_database()`;
  let ticks = 0;
  for (const { pid } of rows) {
    const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks * 10;
}

function client(url: string, connectionsMax: number): Database {
  return postgresClient({
    url,
    applicationName: "stofka bench",
    connectionsMax,
    statementTimeoutMs: 0,
  });
}

await main();
