import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Failure, reason, shown } from "#core/failure.ts";
import { bucketEndMs, bucketStartMs, interval } from "#core/interval.ts";
import { market } from "#core/market.ts";
import { compareCandles } from "#core/parity.ts";
import { readStackFile } from "../stack/stack_file.ts";
import { exchangeCandles } from "./exchange_candles.ts";
import { ourCandles } from "./our_candles.ts";
import { csv, isDifference, reportLines } from "./report.ts";

const HELP = `npm run parity -- [options]

Compares the candles of a running Stofka with those of the exchange's REST interface, field by field as decimals. Prints each
difference; exit code 0: equal, 1: different, 2: nothing could be compared.

  --market KRW-BTC     which market                                  (KRW-BTC)
  --interval 1s        which candles                                 (1s)
  --last 10m           how far back: a number with s, m, h or d      (10m)
  --csv <file>         writes every compared candle with both sides
  --data <dir>         data folder of the running stack              (.stofka)

한국어: 저장된 캔들을 거래소 REST의 캔들과 소수점까지 비교합니다. 차이가 있으면 종료 코드 1입니다.
`;

/** A revision of a second may come for some seconds: what is younger is not compared. */
const SETTLED_MS = 10_000;

const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3 };

function lastMs(text: string): number {
  const match = /^([1-9]\d{0,4})([smhd])$/.exec(text);
  if (match === null) {
    throw new Failure(
      "usage",
      `--last is ${shown(text)}, expected a number with s, m, h or d, such as 10m`,
    );
  }
  return Number(match[1]) * UNIT_MS[match[2]!]!;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      market: { type: "string", default: "KRW-BTC" },
      interval: { type: "string", default: "1s" },
      last: { type: "string", default: "10m" },
      csv: { type: "string" },
      data: { type: "string", default: fileURLToPath(new URL("../../.stofka", import.meta.url)) },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const asked = { market: market(values.market), interval: interval(values.interval) };
  // npm goes to the checkout; the user may stand elsewhere
  const standing = process.env["INIT_CWD"] ?? process.cwd();
  const stack = readStackFile(resolve(standing, values.data));
  if (stack === undefined) {
    throw new Failure("not_running", `no stack runs on ${values.data}; start it with: npm start`);
  }
  const nowMs = Date.now();
  const wishedMs = bucketStartMs(asked.interval, nowMs - lastMs(values.last));
  const ours = await ourCandles(stack.page, asked.market, asked.interval, wishedMs, nowMs);
  // before our first complete candle there was nobody to see; after that every missing one counts
  const sinceMs = ours.completeStartsMs[0];
  const settledMs = Math.min(nowMs, ours.knownUntilMs) - SETTLED_MS;
  const untilMs = bucketStartMs(asked.interval, settledMs);
  if (sinceMs === undefined || untilMs <= sinceMs) {
    console.log(
      `nothing to compare yet: no complete ${asked.interval} candle of ${asked.market} that ended ${
        SETTLED_MS / 1_000
      } s ago`,
    );
    return 2;
  }
  const signal = AbortSignal.timeout(3_600_000);
  const theirs = await exchangeCandles(
    stack.exchange.rest,
    asked.market,
    asked.interval,
    sinceMs,
    untilMs,
    signal,
  );
  const compared = compareCandles(
    ours.candles.filter(({ startsAtMs }) =>
      startsAtMs >= sinceMs && bucketEndMs(asked.interval, startsAtMs) <= untilMs
    ),
    theirs,
  );
  console.log(
    `${asked.market} ${asked.interval}, exchange ${stack.exchange.kind} ${stack.exchange.rest}`,
  );
  for (const line of reportLines(compared, sinceMs, untilMs)) console.log(line);
  if (values.csv !== undefined) {
    writeFileSync(resolve(standing, values.csv), csv(compared));
  }
  return compared.some(isDifference) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Failure) && !(error instanceof TypeError && "code" in error)) throw error;
  console.error(`parity: ${reason(error)}`);
  process.exitCode = 2;
}
