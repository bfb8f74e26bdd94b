import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Chance } from "../dev/exchange/random.ts";
import { Exchange } from "../tests/whole/exchange.ts";
import { keyOf, ledgerSeconds, listedMarkets, type Second } from "../tests/whole/seconds.ts";
import { Stack } from "../tests/whole/stack.ts";
import { machine, metric, wantsHelp } from "./product.ts";
import { quantile } from "./sse_client.ts";

wantsHelp(
  `How long a second that the exchange amended after we had received it, and told nobody, stays unnoticed: the whole product
with the KRW markets of the simulated exchange, which is a process apart. Counted from the amendment until the ledger of
parity names the second, and until the stored second equals the exchange's.

  --corrections N  seconds that are amended, each of a market by chance (default 60)
  --over S         the moments lie by chance within so many seconds (default 600)
  --settle S       before the first, for the cursor to be under way (default 240)
  --wait S         after the last, for what is still unnoticed (default 1200)
  --rest-budget N  requests a second that repair and parity may make (default 5, as in the product)
  --markets N      busiest first; with few of them the first fill ends early (default 289)
  --seed N         of markets and moments (default 1)
  --node           services on Node instead of Deno`,
);

const { values } = parseArgs({
  options: {
    corrections: { type: "string", default: "60" },
    over: { type: "string", default: "600" },
    settle: { type: "string", default: "240" },
    wait: { type: "string", default: "1200" },
    "rest-budget": { type: "string", default: "5" },
    markets: { type: "string", default: "289" },
    seed: { type: "string", default: "1" },
    node: { type: "boolean", default: false },
  },
});
/** How exactly a moment is seen, ms. */
const EVERY_MS = 200;
/** The exchange amends seconds of its last minute: of a market drawn again after so long it is another one. */
const MARKET_RESTS_MS = 120_000;

/** A second that was amended. Moments on the steady clock, ms; infinite while they have not come. */
interface Amended {
  readonly truth: Second;
  readonly atMs: number;
  /** How long ago the second had ended. */
  readonly ageMs: number;
  /** It had been compared before, so nobody need look at it again. */
  readonly comparedBefore: boolean;
  noticedMs: number;
  equalMs: number;
}

const chance = new Chance(Number(values.seed));
const exchange = await Exchange.start(["--markets", values.markets]);
let stack: Stack | undefined;
try {
  stack = await Stack.start(values.node ? "node" : "bootstrap", [
    ...["--exchange", exchange.base, "--rest-budget", values["rest-budget"]],
  ]);
  console.log(`${machine()}; services on ${values.node ? "Node" : "Deno"}`);
  console.log(`budget ${values["rest-budget"]} requests/s, ${values.markets} markets`);
  await sleep(Number(values.settle) * 1_000);
  await tellMissing(stack, "before the first");
  const begunMs = performance.now();
  const requestsBefore = await requests(stack);
  const amended: Amended[] = [];
  const stop = new AbortController();
  const watching = watch(stack, amended, stop.signal);
  try {
    await amendAll(stack, amended, begunMs);
    await tellMissing(stack, "after the last");
    const limitMs = performance.now() + Number(values.wait) * 1_000;
    while (amended.some(({ equalMs }) => equalMs === Infinity) && performance.now() < limitMs) {
      await sleep(1_000);
    }
  } finally {
    stop.abort();
    await watching;
  }
  const passedS = (performance.now() - begunMs) / 1_000;
  const made = await requests(stack);
  tellCursor(
    (made.parity - requestsBefore.parity) / passedS,
    (made.all - requestsBefore.all) / passedS,
  );
  tell(amended);
} finally {
  for (const wrong of await stack?.stop() ?? []) console.log(`! ${wrong}`);
  await exchange.stop();
}

async function amendAll(stack: Stack, amended: Amended[], begunMs: number): Promise<void> {
  const markets = await listedMarkets(exchange.rest);
  const moments = Array.from(
    { length: Number(values.corrections) },
    () => chance.next() * Number(values.over) * 1_000,
  ).sort((a, b) => a - b);
  for (const momentMs of moments) {
    await sleep(Math.max(0, begunMs + momentMs - performance.now()));
    amended.push(await amend(stack, markets, amended));
  }
}

/** Draws markets until one has a second of the last minute that can be amended. */
async function amend(
  stack: Stack,
  markets: readonly string[],
  before: readonly Amended[],
): Promise<Amended> {
  for (let draws = 0; draws < 10_000; draws++) {
    const market = markets[Math.floor(chance.next() * markets.length)]!;
    const lately = performance.now() - MARKET_RESTS_MS;
    if (before.some(({ truth, atMs }) => truth.market === market && atMs > lately)) continue;
    const answer = await fetch(`${exchange.control}/fault`, {
      method: "POST",
      body: JSON.stringify({
        kind: "correction",
        market,
        lower: chance.next() < 0.5 ? "volume" : "high",
        told: false,
      }),
    });
    const atMs = performance.now();
    const nowMs = Date.now();
    if (!answer.ok) {
      await answer.text(); // it traded too little
      continue;
    }
    const { starts_at_ms: startsAtMs } = await answer.json() as { starts_at_ms: number };
    const truth = await ledgerSeconds(exchange.control, [market], startsAtMs, startsAtMs + 1_000);
    const [row] = await stack.database`
      SELECT coalesce((SELECT c.compared @> to_timestamp(${startsAtMs / 1_000}::float8)
        FROM parity_compared c WHERE c.market = ${market} AND c.interval = '1s'), false) AS compared`;
    return {
      truth: truth.get(keyOf({ market, startsAtMs }))!,
      atMs,
      ageMs: nowMs - startsAtMs - 1_000,
      comparedBefore: row!["compared"] as boolean,
      noticedMs: Infinity,
      equalMs: Infinity,
    };
  }
  throw new Error("no market has a second that can be amended");
}

/** Notes when each is in the ledger, and when the stored second equals the exchange's. */
async function watch(stack: Stack, amended: readonly Amended[], stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const open = amended.filter(({ equalMs }) => equalMs === Infinity);
    const rows = await stack.database`
      SELECT w.at::int AS at, d.market IS NOT NULL AS noticed,
        c.open::float8 AS open, c.high::float8 AS high, c.low::float8 AS low, c.close::float8 AS close,
        c.volume::float8 AS volume, c.turnover::float8 AS turnover
      FROM unnest(${open.map(({ truth }) => truth.market)}::text[],
        ${open.map(({ truth }) => new Date(truth.startsAtMs).toISOString())}::timestamptz[])
        WITH ORDINALITY AS w(market, starts_at, at)
      LEFT JOIN parity_difference d
        ON d.market = w.market AND d.interval = '1s' AND d.starts_at = w.starts_at
      LEFT JOIN market_candle_1s c
        ON c.market = w.market AND c.starts_at = w.starts_at AND NOT c.deleted`;
    const nowMs = performance.now();
    for (const row of rows) {
      const one = open[row["at"] as number - 1]!;
      if (row["noticed"] as boolean) one.noticedMs = Math.min(one.noticedMs, nowMs);
      const fields = ["open", "high", "low", "close", "volume", "turnover"] as const;
      // what the exchange answers of a turnover is a float64
      if (fields.every((field) => Number(one.truth[field]) === row[field])) one.equalMs = nowMs;
    }
    await sleep(EVERY_MS);
  }
}

async function requests(stack: Stack): Promise<{ parity: number; all: number }> {
  const answers = (kind?: RegExp) => metric(stack, "ingest", "stofka_repair_answers_total", kind);
  return { parity: await answers(/kind="parity"/), all: await answers() };
}

/** What else the requests are for. */
async function tellMissing(stack: Stack, when: string): Promise<void> {
  const rows = await stack.database`SELECT kind, requests::int AS requests FROM repair_progress`;
  const kinds = rows.map(({ kind, requests }) => `${kind} ${requests}`).join(", ");
  console.log(`  ${when}: at most so many requests are missing: ${kinds}`);
}

function tellCursor(parity: number, all: number): void {
  // sql/0010_parity.sql: of four, three are for seconds, of each market once in three minutes or seldomer
  const cycleS = Number(values.markets) / (parity * 3 / 4);
  console.log(
    `  ${all.toFixed(2)} answers/s, ${
      parity.toFixed(2)
    } of them to compare: three in four for seconds, so once round ` +
      `${values.markets} markets takes ${cycleS.toFixed(0)} s`,
  );
}

function tell(amended: readonly Amended[]): void {
  const late = amended.filter(({ comparedBefore }) => comparedBefore);
  const ages = amended.map(({ ageMs }) => ageMs);
  console.log(
    `${amended.length} seconds amended, ${seconds(quantile(ages, 0.5))} after their end (p50; ` +
      `worst ${seconds(quantile(ages, 1))}); ${late.length} had been compared before, of which ` +
      `${late.filter(({ noticedMs }) => noticedMs < Infinity).length} were noticed`,
  );
  line("amended → in the ledger", amended.map(({ atMs, noticedMs }) => noticedMs - atMs));
  line(
    "amended → stored as the exchange has it",
    amended.map(({ atMs, equalMs }) => equalMs - atMs),
  );
}

function line(what: string, ms: readonly number[]): void {
  const never = ms.filter((one) => one === Infinity).length;
  console.log(
    `${what}: p50 ${seconds(quantile(ms, 0.5))}, p99 ${seconds(quantile(ms, 0.99))}, worst ${
      seconds(quantile(ms, 1))
    } of ${ms.length}${never === 0 ? "" : `; ${never} not at all while this ran`}`,
  );
}

function seconds(ms: number): string {
  return ms === Infinity ? "never" : `${(ms / 1_000).toFixed(1)} s`;
}
