import { type Book, type Candle, candleSteps, type Name } from "./book.ts";
import { bucketStartMs, dayMs, minuteUnits, type Unit } from "./calendar.ts";
import { restCandle } from "./candle_fields.ts";
import type { Clock } from "./clock.ts";
import { restText } from "./element.ts";
import { canonical } from "./spelling.ts";
import { restTicker, tickerAt } from "./ticker.ts";
import { tickUnits } from "./ticks.ts";

/** More rows than this are never given: a greater `count` is cut without a word. */
const rowsMax = 200;
/** Second candles are kept for three months. */
const secondsKeptDays = 92;

/** An answer: status and JSON text. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The exchange's REST, quotation part (UPBIT.md 8). Pure but for the book and the clock. */
export class Rest {
  readonly #book: Book;
  readonly #clock: Clock;

  constructor(book: Book, clock: Clock) {
    this.#book = book;
    this.#clock = clock;
  }

  /** The group whose limit the address counts against, as `Remaining-Req` spells it; undefined where there is no such address. */
  group({ pathname }: URL): string | undefined {
    if (pathname === "/v1/market/all") return "market";
    if (pathname === "/v1/ticker" || pathname === "/v1/ticker/all") return "ticker";
    if (pathname === "/v1/orderbook/instruments") return "orderbook";
    return candleUnit(pathname) === undefined ? undefined : "candles";
  }

  /** @param url path and query, `/v1/…` */
  answer(url: URL): Answer {
    const steps = this.steps(url);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  /** The same in steps of some ms: whoever answers may do other work between them. */
  *steps({ pathname, searchParams: query }: URL): Generator<void, Answer> {
    if (pathname === "/v1/market/all") return this.#markets(query);
    if (pathname === "/v1/ticker") return this.#tickers(query);
    if (pathname === "/v1/ticker/all") return this.#allTickers(query);
    if (pathname === "/v1/orderbook/instruments") return this.#instruments(query);
    const unit = candleUnit(pathname);
    if (unit === undefined) return noRoute;
    return unit === "wrong" ? invalid : yield* this.#candles(unit, query);
  }

  #markets(query: URLSearchParams): Answer {
    const details = query.get("is_details") ?? query.get("isDetails");
    return rows(
      this.#names().map((name) => {
        const row = {
          market: name.market,
          korean_name: name.koreanName,
          english_name: name.englishName,
        };
        return JSON.stringify(details === "true" ? { ...row, market_event: calmEvent } : row);
      }),
    );
  }

  #tickers(query: URLSearchParams): Answer {
    const markets = query.get("markets")?.split(",").map((market) => market.trim());
    if (markets === undefined || markets[0] === "") return missingParameter;
    const listed = new Set(this.#names().map((name) => name.market));
    if (!markets.every((market) => listed.has(market))) return notFound;
    return this.#tickerRows(markets);
  }

  #allTickers(query: URLSearchParams): Answer {
    const quotes = query.get("quote_currencies")?.split(",");
    if (quotes === undefined) return missingParameter;
    const markets = this.#names().map((name) => name.market);
    return this.#tickerRows(markets.filter((m) => quotes.some((q) => m.startsWith(`${q}-`))));
  }

  #tickerRows(markets: readonly string[]): Answer {
    const nowMs = this.#clock.trueMs();
    const tickers = markets.map((market) =>
      tickerAt(this.#book, market, nowMs, this.#clock.stepMs)
    );
    return rows(tickers.filter((t) => t !== undefined).map((t) => restText(restTicker(t))));
  }

  #instruments(query: URLSearchParams): Answer {
    const markets = query.get("markets")?.split(",");
    if (markets === undefined) return missingParameter;
    const listed = new Set(this.#names().map((name) => name.market));
    if (!markets.every((market) => listed.has(market))) return notFound;
    const nowMs = this.#clock.trueMs();
    return rows(markets.map((market) => {
      const last = this.#book.lastTrade(market, nowMs + 1, nowMs);
      const tick = last === undefined ? 1n : tickUnits(market, Number(last.price) / 1e8);
      return JSON.stringify({
        market,
        quote_currency: market.split("-")[0],
        tick_size: canonical(tick, 8),
        supported_levels: levels(tick, last?.price ?? tick),
      });
    }));
  }

  *#candles(unit: Unit, query: URLSearchParams): Generator<void, Answer> {
    const market = query.get("market");
    if (market === null || market === "") return missingParameter;
    if (!this.#names().some((name) => name.market === market)) return notFound;
    const count = readCount(query.get("count"));
    const nowMs = this.#clock.trueMs();
    const toMs = readTo(query.get("to"), nowMs + 1);
    if (count === undefined || toMs === undefined) return invalid;
    const sinceMs = unit === "s" && this.#book.kind === "simulator"
      ? nowMs - secondsKeptDays * dayMs
      : 0;
    const beforeMs = Math.min(toMs, nowMs + 1);
    const found = yield* candleSteps(this.#book, market, unit, beforeMs, count, nowMs, sinceMs);
    return rows(found.map((candle) => restText(restCandle(candle, this.#previousClose(candle)))));
  }

  #previousClose({ market, unit, startsAtMs }: Candle): bigint | null {
    return unit === "d" ? this.#book.previousClose(market, startsAtMs, this.#clock.trueMs()) : null;
  }

  #names(): readonly Name[] {
    return this.#book.names(this.#clock.trueMs());
  }
}

/** Sizes that an order book can be gathered by: powers of ten above the tick, up to the price (as recorded of KRW-BTC). */
function levels(tick: bigint, price: bigint): string[] {
  const found = ["0"];
  for (let level = tick * 10n; level <= price; level *= 10n) found.push(canonical(level, 8));
  return found;
}

const calmEvent = {
  warning: false,
  caution: {
    PRICE_FLUCTUATIONS: false,
    TRADING_VOLUME_SOARING: false,
    DEPOSIT_AMOUNT_SOARING: false,
    GLOBAL_PRICE_DIFFERENCES: false,
    CONCENTRATION_OF_SMALL_ACCOUNTS: false,
  },
};

const missingParameter = failed(
  400,
  400,
  "Missing request parameter error. Check the required parameters!",
);
const invalid = failed(400, 400, "Invalid parameter.");
const notFound = failed(404, 404, "Code not found");
const noRoute = failed(404, "not_found", "no Route matched with those values");

/** An error: quotation calls name it by its number, the gateway by a word. */
export function failed(status: number, name: number | string, message: string): Answer {
  return { status, body: JSON.stringify({ error: { name, message } }) };
}

function rows(texts: readonly string[]): Answer {
  return { status: 200, body: `[${texts.join(",")}]` };
}

function candleUnit(path: string): Unit | "wrong" | undefined {
  const [, version, candles, kind, minutes, ...rest] = path.split("/");
  if (version !== "v1" || candles !== "candles" || rest.length > 0) return undefined;
  if (kind === "minutes") {
    return minuteUnits.find((unit) => String(unit) === (minutes ?? "1")) ?? "wrong";
  }
  if (minutes !== undefined) return undefined;
  const units: Record<string, Unit> = {
    seconds: "s",
    days: "d",
    weeks: "w",
    months: "mo",
    years: "y",
  };
  return units[kind ?? ""];
}

function readCount(text: string | null): number | undefined {
  if (text === null || text === "") return 1;
  if (!/^\d{1,9}$/.test(text)) return undefined;
  return Math.min(rowsMax, Math.max(1, Number(text)));
}

/** Exclusive end: ISO with or without zone (UTC then), `T` or a blank between date and time. */
function readTo(text: string | null, fallbackMs: number): number | undefined {
  if (text === null || text === "") return fallbackMs;
  const form =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,3})\d*)?)?\s*(Z|[+ -]\d\d:?\d\d)?$/;
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, date, time = "00:00:00", fraction = "0", zone = "Z"] = match;
  // An unencoded `+` of a query arrives as a blank.
  const iso = `${date}T${time}.${fraction.padEnd(3, "0")}${zone.replace(" ", "+")}`;
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? undefined : bucketStartMs("s", ms + 999);
}
