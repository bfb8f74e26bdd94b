import { type CandlePage, PAGE_ROWS_MAX } from "#core/candle_page.ts";
import type { ComparePage } from "#core/compare_page.ts";
import { type TickerEvent, tickerEventFrom } from "#core/event/ticker_event.ts";
import { Failure } from "#core/failure.ts";
import type { GapPage } from "#core/gap.ts";
import { type Interval, INTERVALS } from "#core/interval.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { type Market, market } from "#core/market.ts";
import type { ServerClock } from "../model/server_clock.ts";
import { comparePageFrom } from "./compare_page_from.ts";
import { gapsFrom } from "./gaps_from.ts";
import { column, pageFrom, record } from "./page_from.ts";

/** A market as the list shows it. */
export interface ListedMarket {
  readonly market: Market;
  readonly koreanName: string;
  readonly englishName: string;
}

export interface MarketsAnswer {
  readonly markets: readonly ListedMarket[];
  readonly tickers: readonly TickerEvent[];
}

export interface PageQuery {
  readonly market: Market;
  readonly interval: Interval;
  /** Exclusive end, ms; null asks for the newest rows. */
  readonly toMs: number | null;
}

export interface GapQuery {
  readonly market: Market;
  /** What the exchange said of this interval's candles counts as known. */
  readonly interval: Interval;
  readonly sinceMs: number;
  readonly untilMs: number;
}

const REQUEST_MS_MAX = 10_000;

export function candlesUrl({ market, interval, toMs }: PageQuery): string {
  const to = toMs === null ? "" : `&to=${toMs}`;
  return `/api/candles?market=${market}&interval=${interval}&count=${PAGE_ROWS_MAX}${to}`;
}

export function compareUrl(
  { market, interval, sinceMs, untilMs }: GapQuery,
  path: "" | "/wish" = "",
): string {
  return `/api/compare${path}?market=${market}&interval=${interval}&since=${sinceMs}&until=${untilMs}`;
}

/** The page's questions to the server. Each notes the answer's date on the clock. */
export class Requests {
  readonly #clock: ServerClock;

  constructor(clock: ServerClock) {
    this.#clock = clock;
  }

  /** @throws Failure `request_failed` (the server's own message where it gave one), or the abort's reason */
  async page(query: PageQuery, signal: AbortSignal): Promise<CandlePage> {
    return pageFrom(await this.#json(candlesUrl(query), signal));
  }

  /** @throws Failure `request_failed`, or the abort's reason */
  async gaps(
    { market, interval, sinceMs, untilMs }: GapQuery,
    signal: AbortSignal,
  ): Promise<GapPage> {
    const url = `/api/gaps?market=${market}&interval=${interval}&since=${
      Math.floor(sinceMs)
    }&until=${Math.floor(untilMs)}`;
    return gapsFrom(await this.#json(url, signal));
  }

  /** @throws Failure `request_failed`, or the abort's reason */
  async compare(query: GapQuery, signal: AbortSignal): Promise<ComparePage> {
    return comparePageFrom(await this.#json(compareUrl(query), signal));
  }

  /** Asks that the exchange be asked. @throws Failure `request_failed`, or the abort's reason */
  async wishToCompare(query: GapQuery, signal: AbortSignal): Promise<void> {
    await this.#json(compareUrl(query, "/wish"), signal, "POST");
  }

  /** @throws Failure `request_failed`, or the abort's reason */
  async markets(signal: AbortSignal): Promise<MarketsAnswer> {
    return marketsFrom(await this.#json("/api/markets", signal));
  }

  /** Which intervals the server has candles of. @throws Failure `request_failed`, or the abort's reason */
  async intervals(signal: AbortSignal): Promise<readonly Interval[]> {
    const said = record(await this.#json("/api/status", signal))["intervals"];
    const offered = INTERVALS.filter((one) => Array.isArray(said) && said.includes(one));
    return offered.length > 0 ? offered : ["1s"];
  }

  async #json(url: string, signal: AbortSignal, method = "GET"): Promise<unknown> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS_MAX)]);
    const sentAtMs = Date.now();
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, { method, signal: limit, cache: "no-store" });
      this.#clock.note(Date.parse(response.headers.get("date") ?? ""), sentAtMs, Date.now());
      text = await response.text();
    } catch (error) {
      if (signal.aborted) throw error;
      throw new Failure("request_failed", `${url} gave no answer; is Stofka running?`, error);
    }
    if (!response.ok) throw new Failure("request_failed", said(text) ?? `HTTP ${response.status}`);
    return parseJsonNumbersAsText(text);
  }
}

/** @param json as `parseJsonNumbersAsText` reads it */
export function marketsFrom(json: unknown): MarketsAnswer {
  const entries = column(record(json), "markets").map(record);
  return {
    markets: entries.map((entry) => ({
      market: market(String(entry["market"])),
      koreanName: String(entry["korean_name"] ?? entry["market"]),
      englishName: String(entry["english_name"] ?? entry["market"]),
    })),
    tickers: entries.flatMap(({ ticker }) => ticker ? [tickerEventFrom(ticker)] : []),
  };
}

/** The message of `{"error": {"name", "message"}}`. */
function said(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    return typeof error?.message === "string" ? error.message : null;
  } catch {
    return null; // an answer from a proxy in between: its status has to do
  }
}
