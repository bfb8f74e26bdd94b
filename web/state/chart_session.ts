import { type ReadonlySignal, signal } from "@preact/signals";
import { decodeCandleEvent } from "#core/event/candle_event.ts";
import { decodeLinkEvent } from "#core/event/link_event.ts";
import { decodePostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { decodeTail } from "#core/event/tail_event.ts";
import { decodeTickerEvent } from "#core/event/ticker_event.ts";
import type { Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";
import { CandleFeed } from "../model/candle_feed.ts";
import { type EventSourceLike, followStream } from "../net/follow_stream.ts";
import type { Requests } from "../net/requests.ts";
import type { Freshness } from "./freshness.ts";
import { GapWatch } from "./gap_watch.ts";
import type { MarketBoard } from "./market_board.ts";

export interface StreamPorts {
  readonly open: (url: string) => EventSourceLike;
  readonly wakes: EventTarget;
  readonly nowMs: () => number;
  readonly chance: () => number;
}

export interface SessionParts {
  readonly requests: Requests;
  readonly board: MarketBoard;
  readonly freshness: Freshness;
  readonly streams: StreamPorts;
}

/** One chosen market and interval: its stream and its candles, until another is chosen. */
export class ChartSession {
  readonly feed: CandleFeed;
  readonly gapWatch: GapWatch;
  readonly #stop = new AbortController();
  readonly #version = signal(0);
  readonly #parts: SessionParts;
  readonly #rejoins = new EventTarget();

  constructor(market: Market, interval: Interval, parts: SessionParts) {
    this.#parts = parts;
    this.feed = new CandleFeed(market, interval, {
      fetchPage: (toMs, signal) => parts.requests.page({ market, interval, toMs }, signal),
      chance: parts.streams.chance,
      onChange: () => this.#changed(),
    });
    this.gapWatch = new GapWatch({
      fetchGaps: (stretch, signal) => parts.requests.gaps({ market, interval, ...stretch }, signal),
      nowMs: parts.streams.nowMs,
      chance: parts.streams.chance,
    }, this.#stop.signal);
    void followStream({
      ...parts.streams,
      url: streamUrl(market, interval),
      onState: (state) => parts.freshness.stream(state),
      renewals: this.#rejoins,
      onEvent: (name, data, connection) => this.#take(name, data, connection),
    }, this.#stop.signal);
  }

  /** Grows with each change of the feed. */
  get version(): ReadonlySignal<number> {
    return this.#version;
  }

  pageBack(): void {
    void this.feed.pageBack(this.#stop.signal);
  }

  /** Goes back to the newest rows after they gave way to older ones: a new connection, the one way to begin. */
  rejoin(): void {
    this.#rejoins.dispatchEvent(new Event("renew"));
  }

  end(): void {
    this.#stop.abort();
  }

  #take(name: string, data: string, connection: AbortSignal): void {
    const { board, freshness } = this.#parts;
    if (name === "tail") {
      const tail = decodeTail(data);
      freshness.exchange(tail.exchange);
      if (tail.link !== null) {
        freshness.link(tail.link);
        this.gapWatch.link(tail.link);
      }
      for (const ticker of tail.tickers) board.put(ticker);
      void this.feed.begin(
        tail.sinceMs,
        tail.candles.filter(({ market }) => market === this.feed.market),
        connection,
        tail.postgresCandles.filter(({ market }) => market === this.feed.market),
      );
    } else if (name === "candle") {
      const candle = decodeCandleEvent(data);
      if (candle.market !== this.feed.market) return;
      // what was repaired is of the past, whenever it came
      if (candle.origin !== "rest") freshness.seen(candle.receivedAtMs);
      this.feed.put(candle);
    } else if (name === "postgres-candle") {
      const candle = decodePostgresCandleEvent(data);
      if (candle.market === this.feed.market && candle.interval === this.feed.interval) {
        this.feed.putRollup(candle);
      }
    } else if (name === "ticker") {
      const ticker = decodeTickerEvent(data);
      freshness.seen(ticker.receivedAtMs);
      board.put(ticker);
    } else if (name === "link") {
      const link = decodeLinkEvent(data);
      freshness.link(link);
      this.gapWatch.link(link);
    }
  }

  #changed(): void {
    this.#version.value++;
    const { kind } = this.feed.state;
    this.#parts.freshness.catchingUp(kind === "catching-up" || kind === "failed");
  }
}

/** Seconds are asked for with each interval: the forming candle is folded from them. */
function streamUrl(market: Market, interval: Interval): string {
  const events = "candle,ticker,link";
  return `/api/stream?markets=${market}&events=${
    interval === "1s" ? events : `${events},postgres-candle&intervals=${interval}`
  }`;
}
