import process from "node:process";
import { parseArgs } from "node:util";
import { Clock } from "./clock.ts";
import { startExchange } from "./exchange.ts";
import { SimulatedBook } from "./simulated_book.ts";

const help = `An exchange that speaks Upbit's WebSocket and REST on loopback.

  --port N           port of WebSocket and REST; 0 (default) takes a free one
  --control-port N   port of ledger, clock, status and faults; 0 (default) takes a free one
  --seed N           the same seed gives the same trades for any stretch of time (default 42)
  --markets N        how many KRW markets, busiest first (default 289)
  --quotes LIST      KRW, BTC, USDT: which quotes are listed (default KRW)
  --rate N           multiplies trading, 0.01 to 100 (default 1)
  --late N           share of trades counted after their second was first sent (default 0.01)
  --start ISO        what the exchange's clock says at the start (default: the time it is)
  --speed N          exchange seconds per second (default 1)

Prints {"ws", "rest", "control"} as one line of JSON once it listens. README.md beside this file describes the control port.`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    port: { type: "string", default: "0" },
    "control-port": { type: "string", default: "0" },
    seed: { type: "string", default: "42" },
    markets: { type: "string", default: "289" },
    quotes: { type: "string", default: "KRW" },
    rate: { type: "string", default: "1" },
    late: { type: "string", default: "0.01" },
    start: { type: "string" },
    speed: { type: "string", default: "1" },
  },
});

if (values.help) {
  console.log(help);
} else {
  const clock = new Clock(startMs(values.start), number("speed", 0.01, 1000), () => Date.now());
  const book = new SimulatedBook({
    seed: number("seed", 0, 2 ** 31),
    markets: { KRW: number("markets", 0, 289) },
    rate: number("rate", 0.01, 100),
    lateShare: number("late", 0, 1),
  });
  const exchange = await startExchange({
    book,
    clock,
    port: number("port", 0, 65535),
    controlPort: number("control-port", 0, 65535),
    seed: number("seed", 0, 2 ** 31),
  });
  const { ws, rest, control } = exchange;
  console.log(JSON.stringify({ ws, rest, control }));
  const stop = () => void exchange.close().then(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

function number(name: keyof typeof values, min: number, max: number): number {
  const text = values[name];
  const value = Number(text);
  if (text !== "" && value >= min && value <= max) return value;
  return refuse(`--${name} ${text} must be a number ${min} to ${max}`);
}

function startMs(text: string | undefined): number {
  if (text === undefined) return Date.now();
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? refuse(`--start ${text} must be an ISO time`) : ms;
}

function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}
