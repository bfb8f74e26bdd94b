import process from "node:process";
import { parseArgs } from "node:util";
import { complaints, missedLines } from "../whole/oracle.ts";
import { runStorm } from "./storm.ts";
import { recoveryTable } from "./table.ts";

const HELP =
  `npm run storm -- [options]: the whole product under load, its parts killed by kill -9 at random moments

  --minutes N   how long (default 10)
  --seed N      the same seed kills the same parts at the same moments (default 1)
  --rate N      times the exchange's usual trading (default 5)

Exits with 0 when nothing was lost, altered or invented, and every missed second lies between a kill and the first frame
after it; else with 1.`;

/** A number from the command line. */
function number(name: string, text: string, max: number): number {
  const value = Number(text);
  if (text !== "" && value >= 0 && value <= max) return value;
  console.error(`--${name} ${text} must be a number 0 to ${max}`);
  process.exit(2);
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: "1" },
    rate: { type: "string", default: "5" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const seed = number("seed", values.seed, 2 ** 31);
const { hits, evidence, verdict, wrong } = await runStorm({
  seed,
  forMs: number("minutes", values.minutes, 1_440) * 60_000,
  rate: number("rate", values.rate, 100),
  onGust: (line) => console.log(line),
});
const [sinceMs, untilMs] = evidence.span;
const perSecond = evidence.seen.records / ((untilMs - sinceMs) / 1000);
console.log(`
${recoveryTable(hits)}

${evidence.seen.records} candle records (${
  perSecond.toFixed(0)
}/s), ${evidence.truth.size} true seconds, ${
  new Set(hits.map(({ recoveredAtMs }) => recoveredAtMs)).size
} gusts, seed ${seed}
missed, between a kill and the first frame after it, of which ${verdict.repaired} of ${verdict.missed.length} were repaired:`);
for (const line of missedLines(verdict)) console.log(`  ${line}`);
const found = [...complaints(verdict), ...wrong];
for (const complaint of found) console.log(`\nWRONG: ${complaint}`);
console.log(found.length === 0 ? "\nnothing lost, altered or invented" : "");
process.exit(found.length === 0 ? 0 : 1);
