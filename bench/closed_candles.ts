import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { market as marketOf } from "#core/market.ts";
import { namespace } from "#core/namespace.ts";
import { decodeRangedRollup } from "#core/range_set.ts";
import { redisKeys } from "#core/redis_keys.ts";
import { TOPICS } from "#core/topics.ts";
import { Stack } from "../tests/whole/stack.ts";
import { CpuMeter, machine, percentTable, pidsOf, wantsHelp } from "./product.ts";
import { quantile, SseClient } from "./sse_client.ts";

wantsHelp(
  `How long after the end of a minute its closed candle is in its table, in Redis, and at a client of /api/stream: every market
of the simulated exchange (289 KRW markets, traded as on a usual day) that has one.

  --minutes N    measured, from the first whole one on (default 3)
  --every N      ms between two looks at table and Redis, which is how much too old an age can be (default 20)
  --node         services on Node instead of Deno

A range of Redis holds a market's minutes once they were asked for, so /api/candles is asked for each within each minute.`,
);

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "3" },
    every: { type: "string", default: "20" },
    node: { type: "boolean", default: false },
  },
});
const MINUTE_MS = 60_000;
/** After the last minute's end. */
const LOOKED_MS = 12_000;
/** Within a minute, when ranges are asked for: long after its begin's candles, long before its end's. */
const ASKED_MS = 25_000;
const PLACES = ["table", "redis", "client"] as const;
type Place = (typeof PLACES)[number];

/** When a closed minute was first seen in each place, ms after its end; by market and start. */
class Sightings {
  readonly #ages: Readonly<Record<Place, Map<string, number>>> = {
    table: new Map(),
    redis: new Map(),
    client: new Map(),
  };

  see(place: Place, market: string, startsAtMs: number, nowMs: number): void {
    const key = `${market} ${startsAtMs}`;
    const ages = this.#ages[place];
    if (!ages.has(key)) ages.set(key, nowMs - startsAtMs - MINUTE_MS);
  }

  /** Of the minutes that start then. */
  of(place: Place, starts: readonly number[]): ReadonlyMap<string, number> {
    return new Map(
      [...this.#ages[place]].filter(([key]) =>
        starts.includes(Number(key.slice(key.indexOf(" ") + 1)))
      ),
    );
  }
}

const stack = await Stack.start(values.node ? "node" : "bootstrap", ["--exchange", "simulator"]);
const { file } = stack;
const redis = new Redis(file.redis);
const stop = new AbortController();
const sightings = new Sightings();
const client = new SseClient(1_000, ({ market, startsAtMs, closed }, nowMs) => {
  if (closed) sightings.see("client", market, startsAtMs, nowMs);
});
const looking: Promise<void>[] = [];
try {
  console.log(`${machine()}; services on ${values.node ? "Node" : "Deno"}`);
  const firstMs = Math.ceil(Date.now() / MINUTE_MS) * MINUTE_MS;
  await client.open(file.page, "markets=all&events=postgres-candle&intervals=1m");
  const keys = redisKeys(namespace(file.topics[TOPICS.ticker]!.replace(TOPICS.ticker, "")));
  const ranges = (await listed(file.page)).map((name) =>
    [name, keys.range("1m", marketOf(name))] as const
  );
  const cpu = new CpuMeter(new Map([...pidsOf(stack), ["bench", [process.pid]]]));
  looking.push(lookAtTable(), lookAtRedis(ranges));
  const minutes = Array.from({ length: Number(values.minutes) }, (_, n) => firstMs + n * MINUTE_MS);
  for (const minuteMs of minutes) {
    await sleep(minuteMs + ASKED_MS - Date.now());
    await askForRanges(file.page, ranges.map(([name]) => name));
    await sleep(minuteMs + MINUTE_MS + LOOKED_MS - Date.now());
    console.log(`${new Date(minuteMs).toISOString().slice(11, 16)}`);
    tell([minuteMs]);
  }
  console.log(`all ${minutes.length} minutes; CPU: ${percentTable(cpu.lap())}`);
  tell(minutes);
} finally {
  stop.abort();
  client.close();
  await Promise.allSettled(looking);
  redis.disconnect();
  for (const wrong of await stack.stop()) console.log(`! ${wrong}`);
}

function tell(minutes: readonly number[]): void {
  const table = sightings.of("table", minutes);
  for (const place of PLACES) {
    const ages = sightings.of(place, minutes);
    const missing = [...table.keys()].filter((key) => !ages.has(key)).length;
    const numbers = [...ages.values()];
    console.log(
      `  ${place.padEnd(7)} p50 ${quantile(numbers, 0.5)} ms, p99 ${
        quantile(numbers, 0.99)
      } ms, worst ${quantile(numbers, 1)} ms (${ages.size} candles${
        missing === 0 ? "" : `, ${missing} of the table's not seen`
      })`,
    );
  }
}

async function listed(page: string): Promise<readonly string[]> {
  const { markets } = await (await fetch(`${page}/api/markets`)).json() as {
    readonly markets: readonly { readonly market: string }[];
  };
  return markets.map(({ market }) => market);
}

/** So that Redis keeps them from here on. */
async function askForRanges(page: string, markets: readonly string[]): Promise<void> {
  for (let at = 0; at < markets.length; at += 20) {
    await Promise.all(
      markets.slice(at, at + 20).map(async (market) => {
        await (await fetch(`${page}/api/candles?market=${market}&interval=1m&count=200`)).text();
      }),
    );
  }
}

async function lookAtTable(): Promise<void> {
  while (!stop.signal.aborted) {
    const sinceMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - MINUTE_MS;
    const rows = await stack.database`
      SELECT market FROM market_candle WHERE interval = '1m' AND starts_at = ${new Date(sinceMs)}`;
    const nowMs = Date.now();
    for (const row of rows) sightings.see("table", row["market"] as string, sinceMs, nowMs);
    await sleep(Number(values.every));
  }
}

async function lookAtRedis(ranges: readonly (readonly [string, string])[]): Promise<void> {
  while (!stop.signal.aborted) {
    const looks = redis.pipeline();
    for (const [, key] of ranges) looks.lindex(key, -1);
    const rows = await looks.exec() ?? [];
    const nowMs = Date.now();
    for (const [at, [error, row]] of rows.entries()) {
      // a range without rows has its head alone
      if (error !== null || typeof row !== "string" || !row.includes(",")) continue;
      const { startsAtMs, untilMs } = decodeRangedRollup(row);
      const ageMs = nowMs - startsAtMs - MINUTE_MS;
      // what stands in a range that was only then asked for says nothing of how it came there
      if (untilMs < startsAtMs + MINUTE_MS || ageMs > LOOKED_MS) continue;
      sightings.see("redis", ranges[at]![0], startsAtMs, nowMs);
    }
    await sleep(Number(values.every));
  }
}
