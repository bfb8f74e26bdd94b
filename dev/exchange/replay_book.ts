import { type Book, type Counted, type Name, nothing, type Traded } from "./book.ts";
import { coins } from "./coins.ts";
import { type Sum, sumOfTrades, type Trade } from "./sum.ts";
import type { Extremes } from "./extremes.ts";

/**
 * A recorded WebSocket capture as a book: real trades in their real disorder. Trades are ordered by (trade_timestamp,
 * sequential_id), which is an inference: the exchange calls the id unique but no order. A trade is counted when the recorder
 * received it and stored at its `timestamp`.
 */
export class ReplayBook implements Book {
  readonly kind = "replay";
  /** When the recorder received the first and the last trade, ms. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly #names: readonly Name[];
  /** By market, ordered. */
  readonly #trades = new Map<string, RecordedTrade[]>();

  /** @throws SyntaxError where the text holds no trade, naming what was looked for */
  constructor(capture: string) {
    const markets = new Set<string>();
    let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, 0];
    for (const line of capture.split("\n")) {
      const frame = readFrame(line);
      if (frame === undefined) continue;
      markets.add(frame.market);
      if (frame.trade === undefined) continue;
      const trades = this.#trades.get(frame.market) ?? [];
      this.#trades.set(frame.market, trades);
      trades.push(frame.trade);
      firstMs = Math.min(firstMs, frame.trade.countedMs);
      lastMs = Math.max(lastMs, frame.trade.countedMs);
    }
    if (lastMs === 0) {
      throw new SyntaxError('no trade found: a line is `seconds: b\'{"ty":"trade",…}\'`');
    }
    for (const trades of this.#trades.values()) trades.sort(inOrder);
    this.#names = [...markets].sort().map(nameOf);
    this.firstMs = firstMs;
    this.lastMs = lastMs;
  }

  has(market: string): boolean {
    return this.#names.some((name) => name.market === market);
  }

  names(_atMs: number): readonly Name[] {
    return this.#names;
  }

  trades(market: string, sinceMs: number, untilMs: number): Trade[] {
    return this.#of(market).filter(({ timeMs }) => timeMs >= sinceMs && timeMs < untilMs);
  }

  counted(sinceMs: number, untilMs: number): Counted[] {
    return [...this.#trades.values()].flat().filter(({ countedMs }) =>
      countedMs >= sinceMs && countedMs < untilMs
    );
  }

  sum(market: string, sinceMs: number, untilMs: number, asOfMs: number): Sum | undefined {
    const trades = this.trades(market, sinceMs, untilMs);
    return sumOfTrades(trades.filter(({ countedMs }) => countedMs <= asOfMs));
  }

  traded(market: string, sinceMs: number, untilMs: number, asOfMs: number): Traded {
    return this.sum(market, sinceMs, untilMs, asOfMs) ?? nothing;
  }

  lastTrade(market: string, beforeMs: number, asOfMs: number): RecordedTrade | undefined {
    return this.#of(market).findLast((trade) =>
      trade.timeMs < beforeMs && trade.countedMs <= asOfMs
    );
  }

  /** Each recorded trade states it. */
  previousClose(market: string, atMs: number, asOfMs: number): bigint | null {
    return this.lastTrade(market, atMs + 1, asOfMs)?.previousClose ?? null;
  }

  extremes(_market: string, _dayStartMs: number): Extremes | null {
    return null;
  }

  #of(market: string): readonly RecordedTrade[] {
    return this.#trades.get(market) ?? [];
  }
}

interface RecordedTrade extends Trade {
  readonly previousClose: bigint | null;
}

/** `1618678263.010785: b'{"ty":"trade",…}'`: when received, and what, as Python writes bytes. */
function readFrame(line: string): { market: string; trade?: RecordedTrade } | undefined {
  const match = /^(\d+\.\d+): b(['"])(.*)\2$/.exec(line);
  if (match === null) return undefined;
  const json = match[3]!.replace(/\\(['"\\])/g, "$1");
  const market = valueOf(json, "cd|code");
  if (market === undefined) return undefined;
  if (valueOf(json, "ty|type") !== "trade") return { market };
  const need = (names: string): string => {
    const value = valueOf(json, names);
    if (value === undefined) throw new SyntaxError(`trade without ${names}: ${json}`);
    return value;
  };
  const previousClose = valueOf(json, "pcp|prev_closing_price");
  return {
    market,
    trade: {
      market,
      timeMs: Number(need("ttms|trade_timestamp")),
      storedMs: Number(need("tms|timestamp")),
      countedMs: Math.ceil(Number(match[1]) * 1000),
      price: units(need("tp|trade_price")),
      volume: units(need("tv|trade_volume")),
      side: need("ab|ask_bid") === "ASK" ? "ASK" : "BID",
      sequentialId: need("sid|sequential_id"),
      previousClose: previousClose === undefined ? null : units(previousClose),
    },
  };
}

/** A field's text, of either spelling, before any number is parsed: an id has more digits than a double. */
function valueOf(json: string, names: string): string | undefined {
  return new RegExp(`"(?:${names})":"?([^",}]*)`).exec(json)?.[1];
}

/** Decimal text, exponents included, in 10⁻⁸. @throws SyntaxError for more than eight digits after the point */
function units(text: string): bigint {
  const match = /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) throw new SyntaxError(`${text} is no decimal`);
  const [, whole, fraction = "", exponent = "0"] = match;
  const shift = 8 - fraction.length + Number(exponent);
  const digits = BigInt(whole! + fraction);
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const unit = 10n ** BigInt(-shift);
  if (digits % unit !== 0n) throw new SyntaxError(`${text} is finer than 10⁻⁸`);
  return digits / unit;
}

function inOrder(a: Trade, b: Trade): number {
  if (a.timeMs !== b.timeMs) return a.timeMs - b.timeMs;
  const [x, y] = [BigInt(a.sequentialId), BigInt(b.sequentialId)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** A capture holds no names: those of the coin where it is known, else its symbol. */
function nameOf(market: string): Name {
  const symbol = market.split("-")[1] ?? market;
  const coin = coins.find((coin) => coin.symbol === symbol);
  return {
    market,
    koreanName: coin?.koreanName ?? symbol,
    englishName: coin?.englishName ?? symbol,
  };
}
