import type { IncomingMessage, ServerResponse } from "node:http";
import { type Book, type Candle, candlesBefore, type Name } from "./book.ts";
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

/** An answer: status, JSON text, and the group whose limit it counts against. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly group?: string;
}

/** The exchange's REST, quotation part (UPBIT.md 8). Pure but for the book and the clock. */
export class Rest {
  readonly #book: Book;
  readonly #clock: Clock;

  constructor(book: Book, clock: Clock) {
    this.#book = book;
    this.#clock = clock;
  }

  /** @param url path and query, `/v1/…` */
  answer(url: URL): Answer {
    const query = url.searchParams;
    const path = url.pathname;
    if (path === "/v1/market/all") return { ...this.#markets(query), group: "market" };
    if (path === "/v1/ticker") return { ...this.#tickers(query), group: "ticker" };
    if (path === "/v1/ticker/all") return { ...this.#allTickers(query), group: "ticker" };
    if (path === "/v1/orderbook/instruments") {
      return { ...this.#instruments(query), group: "orderbook" };
    }
    const unit = candleUnit(path);
    if (unit === "wrong") return { ...failed(400, "Invalid parameter."), group: "candles" };
    if (unit !== undefined) return { ...this.#candles(unit, query), group: "candles" };
    const body = { error: { name: "not_found", message: `no Route matched with those values` } };
    return { status: 404, body: JSON.stringify(body) };
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
    const tickers = markets.map((market) => tickerAt(this.#book, market, nowMs));
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
        supported_levels: ["0"],
      });
    }));
  }

  #candles(unit: Unit, query: URLSearchParams): Answer {
    const market = query.get("market");
    if (market === null || market === "") return missingParameter;
    if (!this.#names().some((name) => name.market === market)) return notFound;
    const count = readCount(query.get("count"));
    const nowMs = this.#clock.trueMs();
    const toMs = readTo(query.get("to"), nowMs + 1);
    if (count === undefined || toMs === undefined) return failed(400, "Invalid parameter.");
    const sinceMs = unit === "s" && this.#book.kind === "simulator"
      ? nowMs - secondsKeptDays * dayMs
      : 0;
    const beforeMs = Math.min(toMs, nowMs + 1);
    const found = candlesBefore(this.#book, market, unit, beforeMs, count, nowMs, sinceMs);
    return rows(found.map((candle) => restText(restCandle(candle, this.#previousClose(candle)))));
  }

  #previousClose({ market, unit, startsAtMs }: Candle): bigint | null {
    return unit === "d" ? this.#book.previousClose(market, startsAtMs, this.#clock.trueMs()) : null;
  }

  #names(): readonly Name[] {
    return this.#book.names(this.#clock.trueMs());
  }
}

/** Writes an answer with the exchange's headers. */
export function respond(response: ServerResponse, answer: Answer, remaining: number): void {
  const headers: Record<string, string> = {
    "Content-Type": "application/json;charset=UTF-8",
    "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
  };
  if (answer.group !== undefined) {
    headers["Remaining-Req"] = `group=${answer.group}; min=600; sec=${remaining}`;
    headers["Limit-By-Ip"] = "Yes";
  }
  response.writeHead(answer.status, headers).end(answer.body);
}

/** The address of a request; undefined for one that is none. */
export function urlOf(request: IncomingMessage): URL | undefined {
  return URL.parse(request.url ?? "/", "http://127.0.0.1") ?? undefined;
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
  "Missing request parameter error. Check the required parameters!",
);
const notFound = failed(404, "Code not found");

function failed(name: number, message: string): Answer {
  return { status: name, body: JSON.stringify({ error: { name, message } }) };
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
