import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Database, isTransient, postgresClient } from "#adapters/postgres.ts";
import { Failure, reason, shown } from "#core/failure.ts";
import { bucketStartMs, interval } from "#core/interval.ts";
import { sleep } from "#core/lifecycle.ts";
import { type Market, market } from "#core/market.ts";
import { readStackFile } from "../stack/stack_file.ts";
import {
  cancelWish,
  listedMarkets,
  lostForEver,
  makeWishes,
  readWishes,
  type Wish,
} from "./wishes.ts";

const HELP =
  `npm run backfill -- --interval 1d --since 2017-10-01 --markets KRW-BTC,KRW-ETH [options]

Wishes for the exchange's own history of a running Stofka. It is fetched within its budget of requests, when nothing more urgent is
missing, and never replaces a candle that we folded ourselves from all its parts. Ctrl-C leaves the wish: it goes on, also after a
restart; the same command again shows how far it is.

  --interval 1d        which candles
  --since 2017-10-01   from when: a date (UTC) or an ISO time
  --until 2026-01-01   until when, exclusive                        (now)
  --markets all        which markets, comma-separated, or all        (all)
  --no-wait            makes the wish and returns
  --list               all wishes with their progress
  --cancel <id>        takes one back; what it brought stays
  --data <dir>         data folder of the running stack              (.stofka)

한국어: 거래소의 과거 캔들을 요청합니다. Ctrl-C로 나가도 요청은 남아 계속됩니다 (--list, --cancel).
`;

/** Wishes of one command; a wish is a row and a line of --list. */
const MARKETS_MAX = 2_000;
const LOOK_MS = 2_000;

async function main(): Promise<number> {
  const { values } = flags();
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  // npm goes to the checkout; the user may stand elsewhere
  const stack = readStackFile(resolve(process.env["INIT_CWD"] ?? process.cwd(), values.data));
  if (stack === undefined) {
    throw new Failure("not_running", `no stack runs on ${values.data}; start it with: npm start`);
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
  const database = postgresClient({
    url: stack.postgres,
    applicationName: "stofka backfill",
    connectionsMax: 1,
    statementTimeoutMs: 60_000,
  });
  try {
    if (values.list) return list(await readWishes(database));
    if (values.cancel !== undefined) return await cancel(database, values.cancel);
    return await wish(database, values, stop.signal);
  } finally {
    await database.end({ timeout: 1 });
  }
}

async function wish(
  database: Database,
  values: {
    readonly interval?: string | undefined;
    readonly since?: string | undefined;
    readonly until?: string | undefined;
    readonly markets: string;
    readonly "no-wait": boolean;
  },
  signal: AbortSignal,
): Promise<number> {
  if (values.interval === undefined || values.since === undefined) {
    throw usage("say which candles and from when: --interval 1d --since 2017-10-01");
  }
  const wanted = interval(values.interval);
  const sinceMs = bucketStartMs(wanted, time("since", values.since));
  const untilMs = bucketStartMs(
    wanted,
    values.until === undefined ? Date.now() : time("until", values.until),
  );
  if (sinceMs >= untilMs) throw usage(`--since ${values.since} is not before --until`);
  const markets = values.markets === "all" ? await listedMarkets(database) : await known(database, [
    ...new Set(values.markets.split(",").map((name) => market(name.trim()))),
  ]);
  if (markets.length === 0 || markets.length > MARKETS_MAX) {
    throw usage(
      `${markets.length} markets; name 1 to ${MARKETS_MAX}, or wait until they are listed`,
    );
  }
  const ids = await makeWishes(database, markets, wanted, sinceMs, untilMs);
  for (const line of (await readWishes(database, ids)).map(lostForEver)) {
    if (line !== null) console.log(line);
  }
  if (values["no-wait"]) {
    console.log(`${ids.length} wishes; npm run backfill -- --list shows how far they are`);
    return 0;
  }
  for (let told = "";;) {
    const wishes = await readWishes(database, ids);
    const done = wishes.filter((one) => one.done >= 1).length;
    const share = wishes.reduce((sum, one) => sum + one.done, 0) / Math.max(1, wishes.length);
    const line = `${percent(share)}, ${done} of ${wishes.length} markets done`;
    if (line !== told) console.log(line);
    told = line;
    // one that is gone was cancelled
    if (done === wishes.length) return 0;
    if (signal.aborted) {
      console.log(
        "the wishes stay and are fulfilled: npm run backfill -- --list, or --cancel <id>",
      );
      return 130;
    }
    await sleep(LOOK_MS, signal);
  }
}

function list(wishes: readonly Wish[]): number {
  if (wishes.length === 0) console.log("no wishes");
  for (const one of wishes) {
    const { wish, market, interval, sinceMs, untilMs, givenSinceMs, givenUntilMs, done, reason } =
      one;
    console.log(
      `${wish.padStart(6)}  ${market.padEnd(12)} ${interval.padEnd(3)} ${iso(sinceMs)} to ${
        iso(untilMs)
      }  ${givenUntilMs <= givenSinceMs ? "   gone" : percent(done).padStart(7)}  ${reason}`,
    );
    const lost = lostForEver(one);
    if (lost !== null) console.log(`        ${lost}`);
  }
  return 0;
}

async function cancel(database: Database, id: string): Promise<number> {
  if (!/^\d{1,18}$/.test(id)) throw usage(`--cancel ${shown(id)}: use a number that --list shows`);
  if (await cancelWish(database, id)) return 0;
  throw new Failure("wish_missing", `there is no wish ${id}; --list shows them`);
}

async function known(database: Database, markets: readonly Market[]): Promise<readonly Market[]> {
  const listed = new Set(await listedMarkets(database));
  const unknown = markets.filter((name) => !listed.has(name));
  if (unknown.length === 0) return markets;
  throw usage(`the exchange does not list ${unknown.join(", ")}`);
}

function time(name: string, text: string): number {
  const ms = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : NaN;
  if (!Number.isNaN(ms)) return ms;
  throw usage(
    `--${name} ${shown(text)}: use a date such as 2017-10-01 (UTC), or an ISO time with its zone`,
  );
}

function flags() {
  try {
    return parseArgs({
      options: {
        interval: { type: "string" },
        since: { type: "string" },
        until: { type: "string" },
        markets: { type: "string", default: "all" },
        "no-wait": { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        cancel: { type: "string" },
        data: { type: "string", default: fileURLToPath(new URL("../../.stofka", import.meta.url)) },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw usage((error as Error).message);
  }
}

/** Never 100 before all is there. */
function percent(share: number): string {
  return `${(Math.floor(share * 1_000) / 10).toFixed(1)} %`;
}

function usage(message: string): Failure {
  return new Failure("usage", `${message}; npm run backfill -- --help tells more`);
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Failure) && !isTransient(error)) throw error;
  console.error(`backfill: ${reason(error)}`);
  process.exitCode = 2;
}
