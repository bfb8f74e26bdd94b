import { fork } from "node:child_process";
import { Agent, get } from "node:http";
import process from "node:process";
import { createLog } from "#adapters/log.ts";
import type { Database } from "#adapters/postgres.ts";
import { pipelined, redisClient } from "#adapters/redis.ts";
import type { Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";
import { namespace } from "#core/namespace.ts";
import { encodeRangeFeed } from "#core/range_feed.ts";
import { redisKeys } from "#core/redis_keys.ts";
import { rollupRevision } from "#core/revision.ts";
import { PARTITIONS } from "#core/topics.ts";
import { candleRequest } from "../services/stream/history/candle_request.ts";
import { History } from "../services/stream/history/history.ts";
import { historyCache } from "../services/stream/history/history_cache.ts";
import { jsonAnswer } from "../services/stream/http/answer.ts";
import { httpServer } from "../services/stream/http/server.ts";
import { quantile } from "./sse_client.ts";

export interface RangesBench {
  readonly sql: Database;
  readonly redisUrl: string;
  readonly markets: readonly Market[];
  readonly rows: number;
  readonly sinceMs: number;
}

const INTERVALS: readonly Interval[] = ["1s", "1m", "5m", "1h"];
const CLIENTS = 32;
const SATURATED_S = 6;

/** Redis first: misses and hits one at a time, then one HTTP server as busy as its core can be. */
export async function measureRanges(bench: RangesBench): Promise<void> {
  const log = createLog("bench", "error");
  const keys = redisKeys(namespace(`replay-bench${process.pid}.`));
  const redis = redisClient(
    {
      url: bench.redisUrl,
      connectionName: "stofka bench",
      commandTimeoutMs: 1_000,
      gathered: true,
    },
    log,
  );
  await new Promise((resolve) => redis.once("ready", resolve));
  const sessions = [
    { id: "bench", sinceMs: bench.sinceMs, untilMs: Date.now() + 1e9, markets: bench.markets },
  ];
  // a mark a second of every partition, as persist writes them
  const mark = () => {
    const feed = encodeRangeFeed({ knownUntilMs: Date.now(), epoch: "e", sessions });
    const texts = Array.from({ length: PARTITIONS }, (_, at) => [at, feed]).flat();
    return pipelined(redis, [["HSET", keys.feed, ...texts]]);
  };
  await mark();
  await redis.set(keys.relayed, `${rollupRevision(1, 1)} e`);
  const ticking = setInterval(
    () => void mark().catch((error: unknown) => console.log(String(error))),
    1_000,
  );
  let token = 0;
  const answers = new Map<string, number>();
  const history = new History(
    bench.sql,
    { answerMsMax: 30_000, requestsMax: 1_000 },
    historyCache({
      redis,
      keys,
      now: Date.now,
      monotonicMs: () => performance.now(),
      chance: Math.random,
      token: () => `t${token++}`,
      failed: (reason) => console.log(reason),
    }, {
      answered: (_, why) => answers.set(why ?? "hit", (answers.get(why ?? "hit") ?? 0) + 1),
      filled: () => {},
    }),
  );
  try {
    for (const interval of INTERVALS) {
      // missed; cached, and new to this replica; cached, and asked for before
      for (const name of ["miss", "new", "hit"]) {
        const times: number[] = [];
        for (const [at, market] of bench.markets.entries()) {
          if (name === "miss") await redis.del(keys.range(interval, market));
          const startedAt = performance.now();
          await history.body({ market, interval, toMs: null, count: bench.rows });
          // the first ones warm up
          if (at >= 40) times.push(performance.now() - startedAt);
        }
        times.sort((a, b) => a - b);
        console.log(
          `${interval.padEnd(4)} ${name.padEnd(4)} p50 ${quantile(times, 0.5).toFixed(2)} ms, p99 ${
            quantile(times, 0.99).toFixed(2)
          } ms of ${times.length}`,
        );
      }
      const bytes = await redis.memory("USAGE", keys.range(interval, bench.markets[0]!));
      console.log(`${interval.padEnd(4)} ${bytes} bytes in Redis for ${bench.rows} rows`);
    }
    console.log(JSON.stringify(Object.fromEntries(answers)));
    answers.clear();
    await saturate(history, bench, log);
    console.log(JSON.stringify(Object.fromEntries(answers)));
  } finally {
    clearInterval(ticking);
    for (const interval of INTERVALS) {
      await redis.del(bench.markets.map((market) => keys.range(interval, market)));
    }
    await redis.del(keys.feed, keys.relayed);
    redis.disconnect();
  }
}

async function saturate(
  history: History,
  bench: RangesBench,
  log: ReturnType<typeof createLog>,
): Promise<void> {
  const [market] = bench.markets;
  const body = await history.body({
    market: market!,
    interval: "1s",
    toMs: null,
    count: bench.rows,
  });
  const server = httpServer({
    routes: {
      "/api/candles": {
        parameters: ["market", "interval", "to", "count"],
        answer: async ({ query }) => jsonAnswer(200, await history.body(candleRequest(query))),
      },
      // the least that HTTP costs: a body of the same length that is there already
      "/floor": {
        parameters: ["market", "interval", "to", "count"],
        answer: () => jsonAnswer(200, body),
      },
    },
    files: null,
    allowedHosts: new Set(["127.0.0.1"]),
    proxyTrusted: false,
    connectionsMax: 1_000,
    measure: () => {},
    log,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  for (const path of ["/floor", "/api/candles"]) {
    const child = fork(new URL(import.meta.url).pathname, [], {
      env: {
        ...process.env,
        BENCH_CLIENT: JSON.stringify({ port, path, markets: bench.markets, rows: bench.rows }),
      },
    });
    const cpu = process.cpuUsage();
    const { count, p99 } = await new Promise<{ count: number; p99: number }>((resolve) =>
      child.once("message", (message) => resolve(message as { count: number; p99: number }))
    );
    const { user, system } = process.cpuUsage(cpu);
    console.log(
      `${path} ${CLIENTS} connections: ${(count / SATURATED_S).toFixed(0)}/s, p99 ${
        p99.toFixed(1)
      } ms; ${(count / ((user + system) / 1e6)).toFixed(0)}/s a core of this process`,
    );
    child.kill();
  }
  server.closeAllConnections();
  server.close();
}

/** The other process: as many questions as it gets answers to. */
async function ask(
  { port, path, markets, rows }: {
    port: number;
    path: string;
    markets: readonly string[];
    rows: number;
  },
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const endMs = performance.now() + SATURATED_S * 1_000;
  const times: number[] = [];
  let at = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    while (performance.now() < endMs) {
      const market = markets[at % markets.length];
      const interval = INTERVALS[Math.floor(at++ / markets.length) % INTERVALS.length];
      const target = `${path}?market=${market}&interval=${interval}&count=${rows}`;
      const startedAt = performance.now();
      await new Promise<void>((resolve, reject) =>
        get({ port, agent, path: target, host: "127.0.0.1" }, (response) => {
          if (response.statusCode !== 200) reject(new Error(String(response.statusCode)));
          response.on("data", () => {});
          response.on("end", resolve);
        }).on("error", reject)
      );
      times.push(performance.now() - startedAt);
    }
  }));
  times.sort((a, b) => a - b);
  process.send!({ count: times.length, p99: quantile(times, 0.99) });
}

const client = process.env["BENCH_CLIENT"];
if (client !== undefined) await ask(JSON.parse(client));
