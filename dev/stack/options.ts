import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Failure, shown } from "#core/failure.ts";
import { marketFilter } from "#core/market.ts";
import { REST_BUDGET } from "../../services/ingest/config.ts";
import { DISK_BUDGET_GB } from "./disk_budget.ts";
import type { ExchangeWish } from "./exchange_choice.ts";

export const COMMANDS = ["start", "stop", "status", "uninstall", "migrate", "test"] as const;
export type Command = (typeof COMMANDS)[number];

/** What the user asked for on the command line. Absent: not asked, so what the data folder keeps stays. */
export interface Options {
  readonly command: Command;
  readonly exchange?: ExchangeWish;
  readonly markets?: string;
  readonly port?: number;
  /** Whole days of second candles; 0 keeps all. */
  readonly keepDays?: number;
  /** Whole GB that PostgreSQL and Kafka may take together. */
  readonly diskBudgetGb?: number;
  /** Requests a second that repair may make of the exchange. */
  readonly restBudget?: number;
  /** Absolute. */
  readonly dataFolder: string;
  readonly reset: boolean;
  readonly detach: boolean;
  readonly yes: boolean;
  /** False: system packages are named, not installed. */
  readonly install: boolean;
  /** Of `migrate`: only look. */
  readonly statusOnly: boolean;
  readonly help: boolean;
  /** What follows `test`: handed to the test runner as it is. */
  readonly rest: readonly string[];
}

const FLAGS = {
  exchange: { type: "string" },
  markets: { type: "string" },
  port: { type: "string" },
  "keep-days": { type: "string" },
  "disk-budget": { type: "string" },
  "rest-budget": { type: "string" },
  speed: { type: "string" },
  name: { type: "string" },
  data: { type: "string" },
  reset: { type: "boolean" },
  detach: { type: "boolean" },
  yes: { type: "boolean" },
  "no-install": { type: "boolean" },
  status: { type: "boolean" },
  help: { type: "boolean" },
} as const;

/** Flags that npm would not refuse but keep for itself when the `--` before them is missing. `yes` is one of its own. */
const SWALLOWED_BY_NPM = [
  "exchange",
  "markets",
  "port",
  "keep-days",
  "disk-budget",
  "rest-budget",
  "data",
  "reset",
  "detach",
] as const;

/**
 * Reads `<command> …flags`.
 *
 * @param checkout holds the default data folder
 * @param folder where the user stands: named paths start there
 * @param environment shows which flags npm took for itself: it hands them on as `npm_config_<flag>`
 * @throws Failure `usage`
 */
export function parseOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  { checkout, folder }: { readonly checkout: string; readonly folder: string },
): Options {
  const command = COMMANDS.find((name) => name === args[0]);
  if (command === undefined) {
    throw usage(`${shown(args[0] ?? "")} is not a command; use one of ${COMMANDS.join(", ")}`);
  }
  const own = { command, dataFolder: resolve(checkout, ".stofka") };
  if (command === "test") {
    const flags = {
      reset: false,
      detach: false,
      statusOnly: false,
      help: false,
      yes: true,
      install: true,
    };
    const rest = args.slice(1).filter((arg) => arg !== "--no-install");
    return { ...own, ...flags, install: rest.length === args.length - 1, rest };
  }
  const swallowed = SWALLOWED_BY_NPM.filter((name) =>
    environment[`npm_config_${name.replace("-", "_")}`]
  );
  if (swallowed.length > 0) {
    throw usage(
      `npm took --${swallowed[0]} for itself; put two hyphens before the flags: npm ${
        command === "start" ? "start" : `run ${command}`
      } -- --${swallowed[0]}`,
    );
  }
  const values = flagsOf(args.slice(1), command);
  if (values.status && command !== "migrate") throw usage("--status belongs to: npm run migrate");
  return {
    ...own,
    dataFolder: values.data === undefined ? own.dataFolder : resolve(folder, values.data),
    ...wished(values, folder),
    ...(values.markets === undefined ? {} : { markets: parseMarkets(values.markets) }),
    ...(values.port === undefined ? {} : { port: parsePort(values.port) }),
    ...(values["keep-days"] === undefined ? {} : { keepDays: parseKeepDays(values["keep-days"]) }),
    ...(values["disk-budget"] === undefined
      ? {}
      : { diskBudgetGb: parseDiskBudget(values["disk-budget"]) }),
    ...(values["rest-budget"] === undefined
      ? {}
      : { restBudget: parseRestBudget(values["rest-budget"]) }),
    reset: values.reset ?? false,
    detach: values.detach ?? false,
    yes: values.yes ?? false,
    install: !(values["no-install"] ?? false),
    statusOnly: values.status ?? false,
    help: values.help ?? false,
    rest: [],
  };
}

function flagsOf(args: readonly string[], command: Command) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false })
      .values;
  } catch (error) {
    throw usage(`${(error as Error).message}; npm run ${command} -- --help lists the flags`);
  }
}

/** The exchange, with what only a replay has. */
function wished(
  { exchange, speed, name }: ReturnType<typeof flagsOf>,
  folder: string,
): { readonly exchange?: ExchangeWish } {
  const wish = exchange === undefined ? undefined : parseExchange(exchange, folder);
  if (wish?.kind !== "replay") {
    if (speed !== undefined || name !== undefined) {
      throw usage("--speed and --name belong to a replay: --exchange replay:<file>");
    }
    return wish === undefined ? {} : { exchange: wish };
  }
  return {
    exchange: {
      ...wish,
      ...(speed === undefined ? {} : { speed: parseSpeed(speed) }),
      ...(name === undefined ? {} : { name }),
    },
  };
}

function parseSpeed(text: string): number {
  const speed = Number(text);
  if (/^\d{1,4}(?:\.\d{1,3})?$/.test(text) && speed >= 0.01 && speed <= 1_000) return speed;
  throw usage(
    `--speed ${shown(text)}: use a number from 0.01 to 1000, recorded seconds per second`,
  );
}

/**
 * `upbit`, `simulator`, `replay:<file>`, or the base address of a server that speaks Upbit's protocol.
 *
 * @throws Failure `usage`
 */
export function parseExchange(text: string, folder: string): ExchangeWish {
  if (text === "upbit" || text === "simulator") return { kind: text };
  if (text.startsWith("replay:") && text.length > 7) {
    return { kind: "replay", file: resolve(folder, text.slice(7)) };
  }
  if (/^https?:\/\//.test(text) && URL.canParse(text)) {
    const { protocol, host, username, pathname, search } = new URL(text);
    if (username === "" && search === "" && pathname === "/") {
      return { kind: "other", base: `${protocol}//${host}` };
    }
  }
  throw usage(
    `--exchange ${
      shown(text)
    }: use upbit, simulator, replay:<file>, or a base address such as https://sg-api.upbit.com (without path; /websocket/v1 and /v1 are added)`,
  );
}

function parseMarkets(text: string): string {
  marketFilter(text); // throws for what is neither all, a quote nor a market
  return text;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1024 || port > 65535) {
    throw usage(`--port ${shown(text)}: use a whole number from 1024 to 65535`);
  }
  return port;
}

function parseKeepDays(text: string): number {
  const days = Number(text);
  if (!/^\d{1,4}$/.test(text) || days > KEEP_DAYS_MAX) {
    throw usage(
      `--keep-days ${
        shown(text)
      }: use a whole number of days from 1 to ${KEEP_DAYS_MAX}, or 0 to keep all`,
    );
  }
  return days;
}

/** Ten years, as persist's SECONDS_KEPT_DAYS has it. */
const KEEP_DAYS_MAX = 3_650;

function parseDiskBudget(text: string): number {
  const { min, max } = DISK_BUDGET_GB;
  const gb = Number(text);
  if (/^\d{1,6}$/.test(text) && gb >= min && gb <= max) return gb;
  throw usage(
    `--disk-budget ${
      shown(text)
    }: use a whole number of GB from ${min} to ${max}, what PostgreSQL and Kafka may take together`,
  );
}

function parseRestBudget(text: string): number {
  const { min, max, usual } = REST_BUDGET;
  const budget = Number(text);
  if (/^\d{1,2}$/.test(text) && budget >= min && budget <= max) return budget;
  throw usage(
    `--rest-budget ${
      shown(text)
    }: use a whole number of requests a second from ${min} to ${max} (${usual} unless named); the exchange gives an address ten, and one is left to other programs`,
  );
}

function usage(message: string): Failure {
  return new Failure("usage", message);
}

export const HELP = `Stofka: every one-second candle of the Upbit exchange, live on a chart.

  npm start                      start everything, print the page's address, run until Ctrl-C
  npm start -- <flags>           (the two hyphens hand the flags on)

    --exchange upbit             the exchange itself
    --exchange simulator         a simulated exchange on this machine; the page says SIMULATED
    --exchange replay:<file>     a recording (npm run record; its folder, too) or capture, with its recorded times; the page
                                 says REPLAY. With --speed 10 ten times as fast; --name keeps its data apart
    --exchange <base address>    another server that speaks Upbit's protocol, such as a regional Upbit
                                 The first start of a data folder takes Upbit where it answers within 5 s, else the
                                 simulator; it is kept, and so is what you name here. Each has data of its own.
    --markets <list>             all (default), quotes such as KRW, or markets such as KRW-BTC,KRW-ETH; kept
    --keep-days <number>         of second candles; 7 unless named, 0 keeps all that the disk budget holds; kept.
                                 Minutes and longer stay anyway; a replay keeps all
    --disk-budget <GB>           that PostgreSQL and Kafka may take together; unless named a fifth of the free space at
                                 the first start, at most 20; kept. When it is used up, the oldest day of seconds goes
    --rest-budget <number>       of requests a second that repair and parity may make of the exchange: 1 to 9, 5 unless
                                 named; kept. The exchange gives an address ten, your other programs among them
    --port <number>              of the page on 127.0.0.1; otherwise 8787 or the next free one
    --data <folder>              where everything is kept; otherwise .stofka in the checkout
    --reset                      delete what the data folder holds, then start
    --detach                     start in the background; end with: npm run stop
    --yes                        answer yes: install missing system packages, delete with --reset
    --no-install                 never install system packages: say which are missing

  npm run status                 each part: ready or why not, since when, memory
  npm run stop                   end a detached stack
  npm run uninstall              end it, and delete data and caches (asks; --yes)
  npm run migrate                bring the running stack's database to the newest schema (each start does); -- --status shows

요약: npm start 로 카프카, PostgreSQL, Redis 와 모든 서비스를 이 컴퓨터에서 시작하고 차트 페이지 주소를 출력합니다.
  --exchange simulator 는 모의 거래소, replay:<파일> 은 녹화 재생, --port 는 페이지 포트, --data 는 데이터 폴더,
  --reset 은 데이터 삭제 후 시작, --detach 는 백그라운드 실행(종료: npm run stop)입니다. Ctrl-C 로 모두 종료됩니다.
`;
