import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Failure, reason, shown } from "#core/failure.ts";
import { marketFilter } from "#core/market.ts";
import { clock } from "../../services/ingest/clock.ts";
import { exchangeAddress } from "../stack/exchange_choice.ts";
import { parseExchange } from "../stack/options.ts";
import { readStackFile } from "../stack/stack_file.ts";
import { record } from "./recorder.ts";
import { RecordingWriter } from "./recording_writer.ts";

const HELP = `npm run record -- --out <folder> [options]

Keeps every frame the exchange sends, byte for byte, with the time it came: a connection of its own, so it goes on while Stofka
is stopped, and its files are evidence of what was sent, whatever we made of it. Until Ctrl-C.

  --out <folder>            where the files go; made when it is not there
  --exchange upbit          the exchange itself (default); simulator: that of the running Stofka (--data);
                            or an address such as https://sg-api.upbit.com
  --markets KRW-BTC,BTC     all (default), quotes, or markets
  --max-mb 1024             megabytes of all files together; the oldest are deleted
  --for 30s                 end by itself: a number with s, m, h or d
  --data <folder>           of the running Stofka (.stofka)

Play it back with: npm run replay -- --file <folder or file>. The format is in docs/recording.md.

한국어: 거래소가 보낸 모든 프레임을 받은 시각과 함께 그대로 기록합니다. 재생: npm run replay
`;

const MIB = 1024 * 1024;
const FILE_MS_MAX = 3_600_000;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3 };

async function main(): Promise<void> {
  const values = flags();
  if (values.help) return console.log(HELP);
  // npm goes to the checkout; the user may stand elsewhere
  const standing = process.env["INIT_CWD"] ?? process.cwd();
  if (values.out === undefined) throw usage("--out <folder> is missing");
  const markets = marketFilter(values.markets);
  const { ws, rest, name } = address(values.exchange, resolve(standing, values.data), standing);
  const writer = new RecordingWriter({
    folder: resolve(standing, values.out),
    name,
    exchange: rest,
    bytesMax: wholeNumber("max-mb", values["max-mb"], 1, 10_000_000) * MIB,
    fileMsMax: FILE_MS_MAX,
  });
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  const timer = values.for === undefined ? undefined : setTimeout(end, duration(values.for));
  console.log(`recording ${rest} into ${resolve(standing, values.out)}`);
  try {
    await record({
      wsUrl: ws,
      restUrl: rest,
      markets,
      clock: clock(Date.now, () => performance.now()),
      chance: Math.random,
      newTicket: randomUUID,
      sink: writer,
      say: (sentence) => console.log(`${new Date().toISOString()} ${sentence}`),
    }, stop.signal);
  } finally {
    clearTimeout(timer);
    writer.close();
  }
  console.log(`${writer.frames} frames in ${(writer.bytes / MIB).toFixed(1)} MiB`);
}

function flags() {
  try {
    return parseArgs({
      options: {
        out: { type: "string" },
        exchange: { type: "string", default: "upbit" },
        markets: { type: "string", default: "all" },
        "max-mb": { type: "string", default: "1024" },
        for: { type: "string" },
        data: { type: "string", default: fileURLToPath(new URL("../../.stofka", import.meta.url)) },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function address(
  text: string,
  dataFolder: string,
  standing: string,
): { readonly ws: string; readonly rest: string; readonly name: string } {
  const wish = parseExchange(text, standing);
  if (wish.kind === "replay") throw usage("a replay is recorded already");
  if (wish.kind !== "simulator") {
    const { ws, rest } = exchangeAddress(wish)!;
    return { ws, rest, name: wish.kind === "upbit" ? "upbit" : new URL(rest).hostname };
  }
  const stack = existsSync(join(dataFolder, "stack.json")) ? readStackFile(dataFolder) : undefined;
  if (stack?.exchange.kind !== "simulator") {
    throw new Failure(
      "not_running",
      `no simulator runs on ${dataFolder}; start it with: npm start -- --exchange simulator, or name the address that npm run exchange prints: --exchange http://127.0.0.1:<port>`,
    );
  }
  return { ...stack.exchange, name: "simulator" };
}

function duration(text: string): number {
  const match = /^([1-9]\d{0,5})([smhd])$/.exec(text);
  if (match === null) {
    throw usage(`--for ${shown(text)}: use a number with s, m, h or d, such as 30s`);
  }
  return Math.min(Number(match[1]) * UNIT_MS[match[2]!]!, 2 ** 31 - 1);
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d{1,8}$/.test(text) && value >= min && value <= max) return value;
  throw usage(`--${name} ${shown(text)}: use a whole number from ${min} to ${max}`);
}

function usage(message: string): Failure {
  return new Failure("usage", `${message}; npm run record -- --help lists the flags`);
}

try {
  await main();
} catch (error) {
  const known = error instanceof Failure || (error as { code?: unknown }).code !== undefined;
  if (!known) throw error;
  console.error(`record: ${reason(error)}`);
  process.exitCode = 2;
}
