import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import type { ConsumedBatch } from "#adapters/kafka/records.ts";
import { type Database, postgresClient } from "#adapters/postgres.ts";
import type { Origin } from "#core/candle.ts";
import { decimal } from "#core/decimal.ts";
import { candleEvent } from "#core/event/candle_event.ts";
import { type Market, market } from "#core/market.ts";
import { partitionOf } from "#core/partition.ts";
import { PARTITIONS } from "#core/topics.ts";
import { History } from "../services/persist/history.ts";
import { LIMITS, persist } from "../services/persist/persist.ts";
import { SecondDays } from "../services/persist/second_days.ts";
import { mergeWork, NO_WORK, type SecondWork, type Work } from "../services/persist/work.ts";
import { migrate, readMigrations } from "../sql/migrator.ts";
import { machine, wantsHelp } from "./product.ts";
import { quantile } from "./sse_client.ts";

wantsHelp(
  `Seconds that become rows, by what persist does with them: merge, one statement with guard, provenance and dirty rows, which
is one transaction.

  POSTGRES_URL   an owner's who may create databases; a scratch database is made beside it and dropped at the end. The
                 roles of the services must exist (sql/migrate.ts makes them)
  --seconds N    of each market, in each measurement (default 400)
  --markets N    that all trade in every second (default 289)
  --rows N       handed over together (default 289)
  --serial       one transaction after the other alone

Measured one transaction after the other, and by persist's loop, which is handed the batches of 12 partitions, each partition's
next when its last is stored. CPU is that of this process and of the server's processes that serve it; where others use the
machine it says more than the clock.`,
);

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "400" },
    markets: { type: "string", default: "289" },
    rows: { type: "string", default: "289" },
    serial: { type: "boolean", default: false },
  },
});
const SECONDS = Number(values.seconds);
const MARKETS = Number(values.markets);
const STEP_SECONDS = Math.max(1, Math.round(Number(values.rows) / MARKETS));
const START_MS = Date.UTC(2026, 0, 5, 1);

/** A second, all markets in it, or a batch of a partition. */
type Batch = readonly SecondWork[];

async function main(): Promise<void> {
  const address = process.env["POSTGRES_URL"];
  if (address === undefined) throw new Error("POSTGRES_URL is missing: an owner's, with CREATEDB");
  const name = `stofka_bench_${process.pid}`;
  const outer = client(address, 1);
  await outer.unsafe(`CREATE DATABASE ${name}`);
  const inner = client(Object.assign(new URL(address), { pathname: `/${name}` }).href, 3);
  try {
    const [lock] = [client(Object.assign(new URL(address), { pathname: `/${name}` }).href, 1)];
    await migrate(lock!, await readMigrations(new URL("../sql", import.meta.url).pathname));
    await lock!.end({ timeout: 5 });
    console.log(machine());
    await measure(inner);
  } finally {
    await inner.end({ timeout: 5 });
    await outer.unsafe(`DROP DATABASE ${name}`);
    await outer.end({ timeout: 5 });
  }
}

async function measure(database: Database): Promise<void> {
  const history = new History(database, new SecondDays(database));
  const markets = Array.from({ length: MARKETS }, (_, at) => market(`KRW-${name(at)}`));
  const rows = SECONDS * MARKETS;
  for (
    const [label, revision] of [["new seconds", 0], ["the same again", 0], ["revised", 1]] as const
  ) {
    const batches = batchesOf(markets, START_MS, revision);
    const times: number[] = [];
    await timed(database, `one after the other, ${label}`, rows, times, async () => {
      for (const seconds of batches) {
        const startedAt = performance.now();
        await history.store(mergeWork([{ ...NO_WORK, seconds }]));
        times.push(performance.now() - startedAt);
      }
    });
    if (label === "new seconds") {
      await width(database, rows, "as inserted");
      await database.unsafe("REINDEX TABLE market_candle_1s");
      await width(database, rows, "after REINDEX");
    }
  }
  if (values.serial) return;
  for (
    const [label, revision] of [["new seconds", 0], ["the same again", 0], ["revised", 1]] as const
  ) {
    await loop(database, history, markets, label, revision);
  }
}

/** As the service does it: persist()'s loop with its limits, the partitions' batches side by side. */
async function loop(
  database: Database,
  history: History,
  markets: readonly Market[],
  label: string,
  revision: number,
): Promise<void> {
  const works = new Map<ConsumedBatch, Work>();
  const times: number[] = [];
  const { handle, worker } = persist({
    read: (batch) => works.get(batch)!,
    history: {
      store: async (work) => {
        const startedAt = performance.now();
        const stored = await history.store(work);
        times.push(performance.now() - startedAt);
        return stored;
      },
    },
    deadLetters: { send: () => Promise.resolve() },
    latest: { put: () => Promise.resolve() },
    observe: { read: () => {}, stored: () => {}, handled: () => {} },
  }, LIMITS);
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => {
    const own = markets.filter((market) => partitionOf(market) === partition);
    return batchesOf(own, START_MS + 7_200_000, revision).map((seconds) => {
      const batch = {
        topic: "market_candle_1s",
        partition,
        records: seconds.map(({ record }) => record),
        highWatermark: 0n,
      };
      works.set(batch, { ...NO_WORK, seconds });
      return batch;
    });
  });
  const stop = new AbortController();
  const running = worker.run(stop.signal);
  await timed(database, `persist's loop, ${label}`, SECONDS * MARKETS, times, async () => {
    await Promise.all(partitions.map(async (batches) => {
      for (const batch of batches) await handle(batch, stop.signal);
    }));
  });
  stop.abort();
  await running;
}

function batchesOf(markets: readonly Market[], startMs: number, revision: number): Batch[] {
  const batches: SecondWork[][] = [];
  for (let first = 0; first < SECONDS; first += STEP_SECONDS) {
    const batch: SecondWork[] = [];
    for (let at = first; at < Math.min(first + STEP_SECONDS, SECONDS); at++) {
      for (const [index, market] of markets.entries()) {
        batch.push(work(market, index, startMs + at * 1_000, revision));
      }
    }
    batches.push(batch);
  }
  return batches;
}

/** @param timesMs filled by `work`: of each transaction */
async function timed(
  database: Database,
  label: string,
  rows: number,
  timesMs: number[],
  work: () => Promise<void>,
): Promise<void> {
  const serverBefore = await serverCpuMs(database);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  const cpu = process.cpuUsage(cpuBefore);
  const serverMs = await serverCpuMs(database) - serverBefore;
  timesMs.sort((a, b) => a - b);
  console.log(
    `${label}: ${Math.round(rows / ms * 1_000)} rows/s; ${timesMs.length} transactions of ${
      Math.round(rows / timesMs.length)
    } rows, p50 ${quantile(timesMs, 0.5).toFixed(1)} ms, p99 ${
      quantile(timesMs, 0.99).toFixed(1)
    } ms; CPU a million rows: ${((cpu.user + cpu.system) / rows).toFixed(1)} s here, ${
      (serverMs * 1_000 / rows).toFixed(1)
    } s in PostgreSQL`,
  );
}

/** CPU time of the server's processes of this database, where they are on this machine; 0 elsewhere. */
async function serverCpuMs(database: Database): Promise<number> {
  const backends = await database`
    SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stofka bench'`;
  let ms = 0;
  for (const { pid } of backends) {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      ms += (Number(fields[11]) + Number(fields[12])) * 10;
    } catch {
      // ended, or on another machine
    }
  }
  return ms;
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

await main();
