import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Database, isTransient, postgresClient } from "#adapters/postgres.ts";
import { Failure, reason } from "#core/failure.ts";
import { bucketStartMs, interval } from "#core/interval.ts";
import { sleep } from "#core/lifecycle.ts";
import { market } from "#core/market.ts";
import { readStackFile } from "../stack/stack_file.ts";
import { spanMs } from "./span.ts";
import { ledgerProgress, ledgerRows, type Stretch, takeBack, wishCompared } from "./ledger.ts";
import { csv, isDifference, isEvidence, reportLines } from "./report.ts";

const HELP = `npm run parity -- [options]

Tells how the candles of a running Stofka compare with the exchange's, field by field as decimals, from its ledger. What has no
verdict yet is wished for: the exchange is asked within the budget of the running Stofka, by it alone. Exit code 0: equal, 1:
different (corrected ones too), 2: nothing, or not all, could be compared.

  --market KRW-BTC     which market                                  (KRW-BTC)
  --interval 1s        which candles                                 (1s)
  --last 10m           how far back: a number with s, m, h or d      (10m)
  --wait 2m            how long to wait for what has no verdict yet  (2m)
  --csv <file>         writes every compared candle, of differences both sides
  --data <dir>         data folder of the running stack              (.stofka)

한국어: 저장된 캔들을 거래소의 캔들과 소수점까지 비교한 결과를 보여 줍니다. 차이가 있으면 종료 코드 1입니다.
`;

/** What ended later has no verdict: a revision may still be on its way, and repair asks for nothing younger than 30 s. */
const SETTLED_MS = 40_000;

async function main(): Promise<number> {
  const { values } = flags();
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const asked = { market: market(values.market), interval: interval(values.interval) };
  const lastMs = spanMs("last", values.last);
  const waitMs = spanMs("wait", values.wait);
  // npm goes to the checkout; the user may stand elsewhere
  const standing = process.env["INIT_CWD"] ?? process.cwd();
  const stack = readStackFile(resolve(standing, values.data));
  if (stack === undefined) {
    throw new Failure("not_running", `no stack runs on ${values.data}; start it with: npm start`);
  }
  const nowMs = Date.now();
  const stretch: Stretch = {
    ...asked,
    sinceMs: bucketStartMs(asked.interval, nowMs - lastMs),
    untilMs: bucketStartMs(asked.interval, nowMs - SETTLED_MS),
  };
  const database = postgresClient({
    url: stack.postgres,
    applicationName: "stofka parity",
    connectionsMax: 1,
    statementTimeoutMs: 60_000,
  });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
  try {
    if (stretch.sinceMs >= stretch.untilMs) {
      console.log(`nothing to compare yet: no ${asked.interval} candle ended within it`);
      return 2;
    }
    const whole = await waitCompared(database, stretch, waitMs, stop.signal);
    const rows = await ledgerRows(database, stretch);
    console.log(
      `${asked.market} ${asked.interval}, exchange ${stack.exchange.kind} ${stack.exchange.rest}`,
    );
    for (const line of reportLines(rows, stretch.sinceMs, stretch.untilMs)) console.log(line);
    if (values.csv !== undefined) writeFileSync(resolve(standing, values.csv), csv(rows));
    return rows.some(isDifference) ? 1 : whole && rows.some(isEvidence) ? 0 : 2;
  } finally {
    await database.end({ timeout: 1 });
  }
}

/** @returns whether all that can be compared is */
async function waitCompared(
  database: Database,
  stretch: Stretch,
  waitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const untilMs = Date.now() + waitMs;
  let wish: string | null = null;
  let told = "";
  for (;;) {
    const { comparable, compared, left } = await ledgerProgress(database, stretch);
    const progress = `${compared} of ${comparable} ${stretch.interval} buckets compared`;
    if (left === null || signal.aborted || Date.now() >= untilMs) {
      if (left !== null) console.error(`${progress}; the rest was not in time, see --wait`);
      if (wish !== null) await takeBack(database, wish);
      return left === null && comparable > 0;
    }
    wish ??= await wishCompared(database, { ...stretch, ...left });
    if (progress !== told) console.error(progress);
    told = progress;
    await sleep(1_000, signal);
  }
}

function flags() {
  try {
    return parseArgs({
      options: {
        market: { type: "string", default: "KRW-BTC" },
        interval: { type: "string", default: "1s" },
        last: { type: "string", default: "10m" },
        wait: { type: "string", default: "2m" },
        csv: { type: "string" },
        data: { type: "string", default: fileURLToPath(new URL("../../.stofka", import.meta.url)) },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new Failure("usage", `${(error as Error).message}; npm run parity -- --help tells more`);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Failure) && !isTransient(error)) throw error;
  console.error(`parity: ${reason(error)}`);
  process.exitCode = 2;
}
