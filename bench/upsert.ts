import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { type Database, postgresClient } from "#adapters/postgres.ts";
import type { Origin } from "#core/candle.ts";
import { decimal } from "#core/decimal.ts";
import { candleEvent } from "#core/event/candle_event.ts";
import { type Market, market } from "#core/market.ts";
import { History } from "../services/persist/history.ts";
import { SecondDays } from "../services/persist/second_days.ts";
import { mergeWork, NO_WORK, type SecondWork } from "../services/persist/work.ts";
import { migrate, readMigrations } from "../sql/migrator.ts";

/**
 * How fast seconds become rows: `POSTGRES_URL=… node bench/upsert.ts [seconds] [rows a transaction] [markets]`.
 *
 * Uses what persist uses: merge, one statement with guard, provenance and dirty rows, one transaction. The address is an
 * owner's who may create databases; a scratch database is made beside it and dropped at the end. The roles of the services
 * must exist (sql/migrate.ts makes them).
 */
const MARKETS = Number(process.argv[4] ?? 200);

async function main(secondsCount: number, rowsPerTransaction: number): Promise<void> {
  const address = process.env["POSTGRES_URL"];
  if (address === undefined) throw new Error("POSTGRES_URL is missing: an owner's, with CREATEDB");
  const name = `stofka_bench_${process.pid}`;
  const outer = client(address, 1);
  await outer.unsafe(`CREATE DATABASE ${name}`);
  const inner = client(Object.assign(new URL(address), { pathname: `/${name}` }).href, 1);
  try {
    await migrate(inner, await readMigrations(new URL("../sql", import.meta.url).pathname));
    await measure(inner, secondsCount, rowsPerTransaction);
  } finally {
    await inner.end({ timeout: 5 });
    await outer.unsafe(`DROP DATABASE ${name}`);
    await outer.end({ timeout: 5 });
  }
}

async function measure(database: Database, secondsCount: number, rows: number): Promise<void> {
  const history = new History(database, new SecondDays(database));
  const startMs = Date.UTC(2026, 0, 5, 1);
  const secondsPerBatch = Math.max(1, Math.round(rows / MARKETS));
  const markets = Array.from({ length: MARKETS }, (_, at) => market(`KRW-${name(at)}`));

  for (
    const [label, revision] of [["new seconds", 0], ["the same again", 0], ["revised", 1]] as const
  ) {
    let count = 0;
    let spentMs = 0;
    let cpuUs = 0;
    const serverBefore = await serverCpuMs(database);
    const batchMs: number[] = [];
    for (let second = 0; second < secondsCount; second += secondsPerBatch) {
      const seconds: SecondWork[] = [];
      for (let at = second; at < Math.min(second + secondsPerBatch, secondsCount); at++) {
        for (const [index, market] of markets.entries()) {
          seconds.push(work(market, index, startMs + at * 1_000, revision));
        }
      }
      const cpuBefore = process.cpuUsage();
      const startedAt = performance.now();
      await history.store(mergeWork([{ ...NO_WORK, seconds }]));
      const ms = performance.now() - startedAt;
      const cpu = process.cpuUsage(cpuBefore);
      cpuUs += cpu.user + cpu.system;
      spentMs += ms;
      batchMs.push(ms);
      count += seconds.length;
    }
    const serverMs = await serverCpuMs(database) - serverBefore;
    batchMs.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((q) => batchMs[Math.floor(q * (batchMs.length - 1))]!);
    console.log(
      `${label}: ${count} rows in transactions of ${secondsPerBatch * MARKETS}: ${
        Math.round(count / spentMs * 1_000)
      } rows/s, a transaction p50 ${p50!.toFixed(1)} ms, p99 ${
        p99!.toFixed(1)
      } ms; CPU a million rows: ${(cpuUs / count).toFixed(1)} s here, ${
        (serverMs * 1_000 / count).toFixed(1)
      } s in PostgreSQL's process`,
    );
    if (label === "new seconds") {
      await width(database, count, "as inserted");
      await database.unsafe("REINDEX TABLE market_candle_1s");
      await width(database, count, "after REINDEX");
    }
  }
}

/** CPU time of the server's process that serves us, where it is on this machine; 0 elsewhere. Two cores that others use make rates by the clock say little. */
async function serverCpuMs(database: Database): Promise<number> {
  const [row] = await database`SELECT pg_backend_pid() AS pid`;
  try {
    const stat = await readFile(`/proc/${row!["pid"]}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}

async function width(database: Database, rows: number, when: string): Promise<void> {
  const [size] = await database`
    SELECT sum(pg_relation_size(relid))::float8 AS heap,
      sum(pg_indexes_size(relid))::float8 AS indexes
    FROM pg_partition_tree('market_candle_1s') WHERE isleaf`;
  const heap = (size!["heap"] as number) / rows;
  const indexes = (size!["indexes"] as number) / rows;
  console.log(
    `a stored second ${when}: ${(heap + indexes).toFixed(1)} bytes (row ${heap.toFixed(1)}, index ${
      indexes.toFixed(1)
    })`,
  );
}

/** Digits as on the wire: prices of 9 to 4 digits, volumes with 8 fraction digits, turnovers with more. */
function work(market: Market, index: number, startsAtMs: number, revision: number): SecondWork {
  const scale = 10 ** (index % 6);
  const price = (at: number): string => String(1_420 * scale + (startsAtMs / 1_000 * 7 + at) % 97);
  const volume = `${(index * 7919 + startsAtMs / 1_000 * 104_729) % 9_000}.${
    String(10_000_000 + startsAtMs / 1_000 * 31 % 89_999_999)
  }`;
  const turnover = `${860_743 * (1 + index % 50)}.${String(10_000 + startsAtMs / 1_000 % 89_999)}`;
  const candle = {
    market,
    interval: "1s",
    startsAtMs,
    open: decimal(price(1)),
    high: decimal(price(3)),
    low: decimal(price(0)),
    close: decimal(price(2)),
    volume: decimal(volume),
    turnover: decimal(turnover),
    lastTickAtMs: startsAtMs + 824 + revision,
  } as const;
  const origin: Origin = "websocket";
  return {
    event: candleEvent(candle, startsAtMs + 1_007, origin),
    record: {
      topic: "market_candle_1s",
      partition: 0,
      offset: 0n,
      timestampMs: startsAtMs,
      key: market,
      value: Buffer.alloc(0),
      headers: {},
    },
  };
}

/** Three to five letters, as markets have. */
function name(at: number): string {
  return at.toString(26).replace(/./g, (digit) => String.fromCharCode(65 + parseInt(digit, 26)))
    .padStart(3 + at % 3, "X");
}

function client(url: string, connectionsMax: number): Database {
  return postgresClient({
    url,
    applicationName: "stofka bench",
    connectionsMax,
    statementTimeoutMs: 0,
  });
}

await main(Number(process.argv[2] ?? 1_000), Number(process.argv[3] ?? 1_000));
