import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Candle } from "#core/candle.ts";
import { type CandleEvent, encodeCandleEvent } from "#core/event/candle_event.ts";
import { encodeLinkEvent, type LinkEvent } from "#core/event/link_event.ts";
import { encodeTail } from "#core/event/tail_event.ts";
import type { ExchangeKind } from "#core/exchange_kind.ts";
import { encodeTickerEvent } from "#core/event/ticker_event.ts";
import {
  encodePostgresCandleEvent,
  type PostgresCandleEvent,
} from "#core/event/postgres_candle_event.ts";
import { bucketStartMs, type Interval, interval, INTERVALS } from "#core/interval.ts";
import { encodeGapPage, type Gap } from "#core/gap.ts";
import { marketFilter } from "#core/market.ts";
import { bucketSteps } from "../model/buckets.ts";
import {
  fakeCandleEvent,
  type FakeMarket,
  fakeMarkets,
  fakeSecond,
  fakeTicker,
} from "./fake_market.ts";
import { FakeCompare } from "./fake_compare.ts";
import { FakeRollups } from "./fake_rollups.ts";
import { formingRow, partColumns, rollupColumns, secondColumns } from "./page_json.ts";

/** As strict as the real server's: nothing inline, nothing from elsewhere. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
  "connect-src 'self'; base-uri 'none'";

/** How long the fake tail reaches back, and how long history does. */
const TAIL_MS = 60_000;
const HISTORY_MS = 4 * 3_600_000;
/** Of roll-ups: more than one page. */
const HISTORY_ROWS = 2_600;
const FIRST_MS = Date.UTC(2017, 8, 1);

interface Client {
  readonly response: ServerResponse<IncomingMessage>;
  readonly wants: (market: FakeMarket["market"]) => boolean;
  readonly events: ReadonlySet<string>;
  readonly intervals: readonly Interval[];
}

/**
 * What services/stream answers, made of invented candles, with the faults that a page must survive. For tests of the page
 * alone and for looking at it.
 */
export class FakeServer {
  readonly markets: readonly FakeMarket[];
  exchange: ExchangeKind = "simulator";
  link: "up" | "down" = "up";
  /** No new event is sent, connections stay open: a half-open link. */
  silent = false;
  /** Every request but files is refused. */
  refusing = false;
  /** Pages know only what was received before so long ago. */
  pageLagMs = 0;
  /** Requests seen, newest last; at most a thousand. */
  readonly requests: string[] = [];
  /** What `/api/gaps` tells of every market. */
  gaps: readonly Omit<Gap, "markets">[] = [];
  readonly rollups: FakeRollups;
  readonly compare = new FakeCompare();
  /** The server's clock against this machine's, ms: so that a minute ends when a test wants it. */
  readonly #aheadMs: number;
  readonly #root: string;
  readonly #server: Server;
  readonly #clients = new Set<Client>();
  /** Seconds that were revised, by market and start. */
  readonly #revised = new Map<string, CandleEvent>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #sentUntilMs = 0;

  constructor(root: string, marketsCount: number, aheadMs = 0) {
    this.#root = root;
    this.#aheadMs = aheadMs;
    this.rollups = new FakeRollups(
      (of, sinceMs, untilMs) => this.seconds(of.market, sinceMs, untilMs),
      this.#nowMs(),
    );
    this.markets = fakeMarkets(marketsCount);
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** @returns the page's address */
  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    this.#sentUntilMs = floorSecond(this.#nowMs());
    this.#timer = setInterval(() => this.#tick(), 100);
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  nowMs(): number {
    return this.#nowMs();
  }

  #nowMs(): number {
    return Date.now() + this.#aheadMs;
  }

  market(name: string): FakeMarket {
    return this.markets.find((one) => one.market === name)!;
  }

  /** Stores a corrected roll-up, and tells of it when `send` is true. */
  correct(
    market: string,
    interval: Interval,
    startsAtMs: number,
    send: boolean,
    change: Partial<PostgresCandleEvent> = {},
  ): PostgresCandleEvent {
    const of = this.market(market);
    const row = this.rollups.correct(of, interval, startsAtMs, this.#nowMs(), change);
    if (send) {
      this.#send("postgres-candle", of.market, encodePostgresCandleEvent(row), interval);
    }
    return row;
  }

  get streams(): number {
    return this.#clients.size;
  }

  /** Ends every event stream, as a restart of a proxy does. */
  cut(): void {
    for (const { response } of this.#clients) response.destroy();
    this.#clients.clear();
  }

  /** Revises a second: to more volume, and the close to its high. Sends it when `send` is true. */
  revise(market: string, startsAtMs: number, send: boolean): CandleEvent | null {
    const of = this.markets.find((one) => one.market === market)!;
    const held = this.#second(of, startsAtMs);
    if (held === null) return null;
    const { receivedAtMs: _, origin: __, revision: ___, ...candle } = held;
    const revised: Candle = {
      ...candle,
      close: candle.high,
      lastTickAtMs: candle.lastTickAtMs + 1,
    };
    const event = { ...fakeCandleEvent(revised), receivedAtMs: this.#nowMs() };
    this.#revised.set(`${market} ${startsAtMs}`, event);
    if (send) this.#send("candle", of.market, encodeCandleEvent(event));
    return event;
  }

  /** The newest revision of every second within [since, until). */
  seconds(market: string, sinceMs: number, untilMs: number): CandleEvent[] {
    const of = this.markets.find((one) => one.market === market)!;
    const events: CandleEvent[] = [];
    for (let ms = sinceMs; ms < untilMs; ms += 1_000) {
      const event = this.#second(of, ms);
      if (event !== null) events.push(event);
    }
    return events;
  }

  #second(of: FakeMarket, startsAtMs: number): CandleEvent | null {
    const revised = this.#revised.get(`${of.market} ${startsAtMs}`);
    if (revised !== undefined) return revised;
    const candle = fakeSecond(of, startsAtMs);
    return candle === null ? null : fakeCandleEvent(candle);
  }

  #tick(): void {
    const untilMs = floorSecond(this.#nowMs());
    for (; this.#sentUntilMs < untilMs; this.#sentUntilMs += 1_000) {
      if (this.silent) continue;
      for (const of of this.markets) {
        const event = this.#second(of, this.#sentUntilMs);
        if (event === null) continue;
        this.#send("candle", of.market, encodeCandleEvent(event));
        this.#send("ticker", of.market, encodeTickerEvent(fakeTicker(of, this.#nowMs())));
      }
      if (this.#sentUntilMs % 5_000 === 0) this.#send("link", null, encodeLinkEvent(this.#link()));
      // the second that began a minute and one more: the drain has stored what ended with it
      if (this.#sentUntilMs % 60_000 === 1_000) this.#drained(this.#sentUntilMs);
    }
  }

  /** Tells of each bucket that a reader follows: the one that closed, or the forming one. */
  #drained(nowMs: number): void {
    for (const { wants, intervals } of this.#clients) {
      for (const of of this.markets.filter(({ market }) => wants(market)).slice(0, 3)) {
        for (const one of intervals) {
          const row = this.rollups.stored(of, one, bucketStartMs(one, nowMs - 2_000), nowMs);
          if (row !== null) {
            this.#send("postgres-candle", of.market, encodePostgresCandleEvent(row), one);
          }
        }
      }
    }
  }

  #link(): LinkEvent {
    const nowMs = this.#nowMs();
    return { link: this.link, cause: "started", writtenAtMs: nowMs, untilMs: nowMs - 30 };
  }

  /** Tells of a changed link at once. */
  setLink(link: "up" | "down"): void {
    this.link = link;
    this.#send("link", null, encodeLinkEvent({ ...this.#link(), cause: "closed" }));
  }

  #send(
    name: string,
    market: FakeMarket["market"] | null,
    data: string,
    interval: Interval | null = null,
  ): void {
    for (const { response, wants, events, intervals } of this.#clients) {
      if (!events.has(name) || (market !== null && !wants(market))) continue;
      if (interval !== null && !intervals.includes(interval)) continue;
      response.write(`event: ${name}\ndata: ${data}\n\n`);
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse<IncomingMessage>,
  ): Promise<void> {
    response.setHeader("date", new Date(this.#nowMs()).toUTCString());
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    if (this.requests.push(`${request.url}`) > 1_000) this.requests.shift();
    if (!pathname.startsWith("/api/")) return await this.#file(pathname, response);
    if (this.refusing) {
      return json(response, 503, { error: { name: "away", message: "the fake server refuses" } });
    }
    if (pathname === "/api/stream") return this.#stream(searchParams, response);
    if (pathname === "/api/candles") return this.#page(searchParams, response);
    if (pathname === "/api/gaps") return this.#gapPage(searchParams, response);
    if (pathname === "/api/compare/wish") {
      return json(response, 202, JSON.parse(this.compare.wish()));
    }
    if (pathname === "/api/compare") return this.#comparePage(searchParams, response);
    if (pathname === "/api/status") {
      return json(response, 200, { exchange: this.exchange, intervals: INTERVALS });
    }
    if (pathname === "/api/markets") return this.#list(response);
    json(response, 404, { error: { name: "not_found", message: "no such address" } });
  }

  #stream(query: URLSearchParams, response: ServerResponse<IncomingMessage>): void {
    const nowMs = this.#nowMs();
    const wants = marketFilter(query.get("markets") ?? "all");
    const events = new Set((query.get("events") ?? "ticker,candle,link").split(","));
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    const wanted = this.markets.filter(({ market }) => wants(market));
    const candles: string[] = [];
    if (events.has("candle")) {
      for (const of of wanted) {
        for (let ms = floorSecond(nowMs - TAIL_MS); ms < this.#sentUntilMs; ms += 1_000) {
          const event = this.#second(of, ms);
          if (event !== null) candles.push(encodeCandleEvent(event));
        }
      }
    }
    const tail = encodeTail({
      sinceMs: nowMs - TAIL_MS,
      exchange: this.exchange,
      link: encodeLinkEvent(this.#link()),
      tickers: events.has("ticker")
        ? wanted.map((of) => encodeTickerEvent(fakeTicker(of, nowMs)))
        : [],
      candles,
    });
    response.write(`event: tail\ndata: ${tail}\n\n`);
    const intervals = (query.get("intervals") ?? "").split(",").filter((one) => one !== "");
    const client = { response, wants, events, intervals: intervals.map(interval) };
    this.#clients.add(client);
    response.on("close", () => this.#clients.delete(client));
  }

  #page(query: URLSearchParams, response: ServerResponse<IncomingMessage>): void {
    const of = this.markets.find(({ market }) => market === query.get("market"));
    if (of === undefined) {
      return json(response, 404, { error: { name: "market_unknown", message: "unknown" } });
    }
    const nowMs = this.#nowMs();
    const knownUntilMs = nowMs - this.pageLagMs - 300;
    const count = Number(query.get("count") ?? 200);
    const toMs = query.has("to") ? Number(query.get("to")) : null;
    const wanted = interval(query.get("interval") ?? "1s");
    const answer = wanted === "1s"
      ? this.#secondsPage(of, toMs, count, knownUntilMs)
      : this.#rollupsPage(of, wanted, toMs, count, knownUntilMs);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      `{"market":"${of.market}","interval":"${wanted}","known_until_ms":${knownUntilMs},${answer}}`,
    );
  }

  #secondsPage(of: FakeMarket, toMs: number | null, count: number, knownUntilMs: number): string {
    const oldestMs = floorSecond(this.#nowMs() - HISTORY_MS);
    const rows: CandleEvent[] = [];
    let ms = Math.min(toMs ?? Infinity, floorSecond(knownUntilMs)) - 1_000;
    for (; ms >= oldestMs && rows.length < count; ms -= 1_000) {
      const event = this.#second(of, ms);
      if (event !== null) rows.push(event);
    }
    const columns = secondColumns(
      rows.reverse(),
      (row) => this.#revised.has(`${of.market} ${row.startsAtMs}`) ? 1 : 0,
    );
    return `"more":${ms >= oldestMs},"columns":${columns}`;
  }

  #rollupsPage(
    of: FakeMarket,
    interval: Interval,
    toMs: number | null,
    count: number,
    knownUntilMs: number,
  ): string {
    const newestMs = bucketStartMs(interval, knownUntilMs);
    const oldestMs = Math.max(bucketSteps(interval, newestMs, -HISTORY_ROWS), FIRST_MS);
    const rows: PostgresCandleEvent[] = [];
    let ms = bucketStartMs(interval, Math.min(toMs ?? Infinity, newestMs + 1) - 1);
    for (; ms >= oldestMs && rows.length < count; ms = bucketSteps(interval, ms, -1)) {
      const row = this.rollups.stored(of, interval, ms, knownUntilMs);
      if (row !== null && !row.deleted) rows.push(row);
    }
    rows.reverse();
    const more = `"more":${ms >= oldestMs}`;
    if (toMs !== null) return `${more},"columns":${rollupColumns(rows)}`;
    const { stored, parts, folded } = this.rollups.forming(of, interval, knownUntilMs);
    const shown = folded.map((one) => formingRow(one, stored, interval));
    const kept = rows.filter((row) => row.startsAtMs < (shown[0]?.startsAtMs ?? Infinity));
    return `${more},"columns":${rollupColumns([...kept, ...shown])},"folded":{"since_ms":${
      stored?.untilMs ?? 0
    },"stored":${rollupColumns(stored === null ? [] : [stored])},"parts":${partColumns(parts)}}`;
  }

  #gapPage(query: URLSearchParams, response: ServerResponse<IncomingMessage>): void {
    const [sinceMs, untilMs] = [Number(query.get("since")), Number(query.get("until"))];
    const of = this.market(query.get("market")!);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(encodeGapPage({
      sinceMs,
      untilMs,
      knownUntilMs: untilMs,
      more: false,
      gaps: this.gaps.filter((gap) => gap.sinceMs < untilMs && gap.untilMs > sinceMs)
        .map((gap) => ({ ...gap, markets: [of.market] })),
    }));
  }

  #comparePage(query: URLSearchParams, response: ServerResponse<IncomingMessage>): void {
    const of = this.market(query.get("market")!);
    const one = interval(query.get("interval")!);
    const stretch = { sinceMs: Number(query.get("since")), untilMs: Number(query.get("until")) };
    const nowMs = this.#nowMs();
    const rowAt = (ms: number) =>
      one === "1s" ? this.#second(of, ms) : this.rollups.stored(of, one, ms, nowMs);
    const csv = query.get("format") === "csv";
    response.writeHead(200, { "content-type": csv ? "text/csv" : "application/json" });
    response.end(this.compare.body(of.market, one, stretch, rowAt, csv));
  }

  #list(response: ServerResponse<IncomingMessage>): void {
    const nowMs = this.#nowMs();
    const entries = this.markets.map((of) =>
      `{"market":"${of.market}","korean_name":${JSON.stringify(of.koreanName)},"english_name":${
        JSON.stringify(of.englishName)
      },"ticker":${encodeTickerEvent(fakeTicker(of, nowMs))}}`
    );
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`{"markets":[${entries.join(",")}]}`);
  }

  async #file(path: string, response: ServerResponse<IncomingMessage>): Promise<void> {
    const name = path === "/" || path === "/compare" ? "/index.html" : path;
    const types: Record<string, string> = {
      ".html": "text/html; charset=utf-8",
      ".js": "text/javascript",
      ".css": "text/css",
      ".svg": "image/svg+xml",
    };
    try {
      const body = await readFile(join(this.#root, name));
      response.writeHead(200, {
        "content-security-policy": POLICY,
        "content-type": types[extname(name)] ?? "application/octet-stream",
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  }
}

function json(response: ServerResponse<IncomingMessage>, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

function floorSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
