// `npm run bench -- <name> [options]`: runs bench/<name>.ts with the pinned Node. Plain JavaScript, since an older Node may start it.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const NAMES = {
  latency: "frame to SSE event at a client, p50 and p99, at given rates",
  throughput: "highest steady rate to Redis and SSE, and with PostgreSQL",
  closed_candles: "a minute's end to its closed candle in table, Redis and at an SSE client",
  footprint: "CPU and memory of each service at the exchange's real load",
  restart: "a fresh stream with hours of tickers to read and an empty Redis",
  recovery: "Kafka, PostgreSQL or the link away and back, and a minute's gap of all markets closed",
  detection:
    "a second that the exchange amended in silence, until parity names it and it is corrected",
  candle_requests:
    "pages of /api/candles from PostgreSQL, p50 and p99, and requests a second a core",
  rollup: "a minute of 400 markets through all levels, and half a day from scratch",
  rollup_duckdb: "the same half day from scratch by DuckDB",
  upsert: "rows a second into market_candle_1s, by batch size",
  sse_fanout: "SSE clients and events a second of one stream replica",
};
const [name, ...options] = process.argv.slice(2);

if (!(name in NAMES) || !readdirSync(folder).includes(`${name}.ts`)) {
  console.log("npm run bench -- <name> [options]      --help after a name lists its options\n");
  for (const [known, what] of Object.entries(NAMES)) console.log(`  ${known.padEnd(15)} ${what}`);
  process.exit(name === undefined || name === "--help" ? 0 : 2);
}
const node = fileURLToPath(new URL("../node_modules/.bin/node", import.meta.url));
const child = spawn(node, [`${folder}${name}.ts`, ...options], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.once("exit", (code) => process.exit(code ?? 1));
