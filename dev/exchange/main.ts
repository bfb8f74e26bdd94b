import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import type { Book } from "./book.ts";
import { Clock } from "./clock.ts";
import { startPlayer } from "../record/player.ts";
import { holdsFrames, recordingFiles } from "../record/recording_reader.ts";
import { startExchange } from "./exchange.ts";
import { marketsPerQuote, type Quote } from "./listing.ts";
import { readSchedule, type Schedule } from "./schedule.ts";
import { ReplayBook } from "./replay_book.ts";
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
  --no-limits        answers whoever asks, as often as they ask: for tools; the exchange's limits are on by default
  --schedule FILE    faults to come, as README.md beside this file describes
  --replay FILE      plays a recording by npm run record instead (a file or its folder), its frames byte for byte; or a raw
                     capture of trades (a line a frame: \`seconds: b'json'\`), whose candles are made here. From its beginning,
                     once a client subscribed; of the above --seed, --markets, --quotes, --rate, --late and --start do not apply

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
    "no-limits": { type: "boolean", default: false },
    schedule: { type: "string" },
    replay: { type: "string" },
  },
});

if (values.help) {
  console.log(help);
} else if (values.replay !== undefined && await holdsFrames(filesOf(values.replay)[0]!)) {
  const player = await startPlayer({
    files: filesOf(values.replay),
    speed: number("speed", 0.01, 1000),
    port: number("port", 0, 65535),
    controlPort: number("control-port", 0, 65535),
    onDamage: ({ file, kind }) => console.error(`${file} is ${kind}: played as far as it goes`),
  });
  const { ws, rest, control } = player;
  console.log(JSON.stringify({ ws, rest, control }));
  const stop = () => void player.close().then(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
} else {
  const { book, startsAtMs } = values.replay === undefined ? simulated() : replayed(values.replay);
  const clock = new Clock(startsAtMs, number("speed", 0.01, 1000), () => Date.now());
  const exchange = await startExchange({
    book,
    clock,
    waits: book.kind === "replay",
    port: number("port", 0, 65535),
    controlPort: number("control-port", 0, 65535),
    seed: number("seed", 0, 2 ** 31),
    limits: !values["no-limits"],
    schedule: values.schedule === undefined ? undefined : scheduled(values.schedule),
  });
  const { ws, rest, control } = exchange;
  console.log(JSON.stringify({ ws, rest, control }));
  const stop = () => void exchange.close().then(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

function simulated(): { book: Book; startsAtMs: number } {
  const book = new SimulatedBook({
    seed: number("seed", 0, 2 ** 31),
    markets: Object.fromEntries(
      quotes().map((quote) => {
        const max = marketsPerQuote[quote];
        return [quote, quote === "KRW" ? number("markets", 0, max) : max];
      }),
    ),
    rate: number("rate", 0.01, 100),
    lateShare: number("late", 0, 1),
  });
  return { book, startsAtMs: startMs(values.start) };
}

function quotes(): Quote[] {
  return values.quotes.split(",").map((quote) => {
    if (quote in marketsPerQuote) return quote as Quote;
    return refuse(`--quotes ${quote} must be KRW, BTC or USDT, or several with commas`);
  });
}

function scheduled(file: string): Schedule {
  try {
    return readSchedule(readFileSync(file, "utf8"));
  } catch (error) {
    return refuse(`--schedule ${file}: ${error instanceof Error ? error.message : error}`);
  }
}

function filesOf(path: string): readonly string[] {
  try {
    return recordingFiles(path);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

/** A second before the recording's first trade. */
function replayed(file: string): { book: Book; startsAtMs: number } {
  const book = new ReplayBook(readFileSync(file, "utf8"));
  return { book, startsAtMs: book.firstMs - 1000 };
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
