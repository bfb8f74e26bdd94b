import { Buffer } from "node:buffer";

/** What is sent: see load.ts. */
export type Mix = "ticker" | "second" | "both";

/** As many markets as the exchange has, in its proportions: 289 KRW, 328 BTC, 238 USDT. */
export function marketNames(count: number): string[] {
  const quotes = [["KRW", 289], ["BTC", 328], ["USDT", 238]] as const;
  return quotes.flatMap(([quote, many]) =>
    Array.from({ length: many }, (_, at) => `${quote}-C${String(at).padStart(3, "0")}`)
  ).slice(0, count);
}

/** A market's frame with its WebSocket header, made once; what changes is overwritten in the copy that is sent. */
interface Template {
  readonly bytes: Buffer;
  /** Where 13 digits of ms stand. */
  readonly msAt: readonly number[];
  /** Where 19 characters of UTC and of KST stand. */
  readonly utcAt: number;
  readonly kstAt: number;
}

const MS = "1000000000000";
const UTC = "2000-01-01T00:00:00";
const KST = "2000-01-01T09:00:00";
/** Seconds of their own begin so far back: at 20,000 a second and 855 markets it takes a quarter of an hour to catch up. */
const BEHIND_MS = 6 * 3_600_000;

/** Many frames as one buffer, encoded beforehand but for their times. */
export class FrameBatch {
  readonly #tickers: readonly Template[];
  readonly #candles: readonly Template[];
  readonly #secondsFromMs: number;
  #nextTicker = 0;
  #nextSecond = 0;

  constructor(markets: readonly string[], nowMs: number) {
    this.#tickers = markets.map((market) => template(ticker(market)));
    this.#candles = markets.map((market, at) => template(candle(market, at)));
    this.#secondsFromMs = Math.floor((nowMs - BEHIND_MS) / 1000) * 1000;
  }

  tickers(count: number, nowMs: number): Buffer {
    const parts: Buffer[] = [];
    const ms = String(nowMs);
    for (let i = 0; i < count; i++) {
      const { bytes, msAt } = this.#tickers[this.#nextTicker++ % this.#tickers.length]!;
      const copy = Buffer.from(bytes);
      for (const at of msAt) copy.write(ms, at, "latin1");
      parts.push(copy);
    }
    return Buffer.concat(parts);
  }

  /** Seconds that were never sent before, market by market, then the next second. */
  seconds(count: number, nowMs: number): Buffer {
    const parts: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const n = this.#nextSecond++;
      const startsAtMs = this.#secondsFromMs +
        Math.floor(n / this.#candles.length) * 1000;
      parts.push(second(this.#candles[n % this.#candles.length]!, startsAtMs, nowMs));
    }
    return Buffer.concat(parts);
  }

  /** The first markets' candles of one second. */
  burst(count: number, startsAtMs: number, nowMs: number): Buffer {
    return Buffer.concat(
      this.#candles.slice(0, count).map((template) => second(template, startsAtMs, nowMs)),
    );
  }
}

function second(
  { bytes, msAt, utcAt, kstAt }: Template,
  startsAtMs: number,
  nowMs: number,
): Buffer {
  const copy = Buffer.from(bytes);
  copy.write(new Date(startsAtMs).toISOString().slice(0, 19), utcAt, "latin1");
  copy.write(new Date(startsAtMs + 9 * 3_600_000).toISOString().slice(0, 19), kstAt, "latin1");
  for (const at of msAt) copy.write(String(nowMs), at, "latin1");
  return copy;
}

function template(json: string): Template {
  const payload = Buffer.from(json, "latin1");
  const header = Buffer.from([0x82, 126, payload.length >> 8, payload.length & 0xff]);
  const bytes = Buffer.concat([header, payload]);
  const msAt: number[] = [];
  for (let at = bytes.indexOf(MS); at >= 0; at = bytes.indexOf(MS, at + 1)) msAt.push(at);
  return { bytes, msAt, utcAt: bytes.indexOf(UTC), kstAt: bytes.indexOf(KST) };
}

function candle(market: string, at: number): string {
  const price = `${1000 + at}.00000000`;
  return `{"type":"candle.1s","code":"${market}","candle_date_time_utc":"${UTC}","candle_date_time_kst":"${KST}",` +
    `"opening_price":${price},"high_price":${price},"low_price":${price},"trade_price":${price},` +
    `"candle_acc_trade_volume":606119.00000000,"candle_acc_trade_price":${
      (1000 + at) * 606119
    }.0000000000000000,"timestamp":${MS},"stream_type":"REALTIME"}`;
}

function ticker(market: string): string {
  return `{"type":"ticker","code":"${market}","opening_price":141500000.00000000,"high_price":142950000.00000000,` +
    `"low_price":140800000.00000000,"trade_price":142009000.00000000,"prev_closing_price":141500000.00000000,` +
    `"acc_trade_price":104890599315.2282100000000000,"change":"RISE","change_price":509000.00000000,` +
    `"signed_change_price":509000.00000000,"change_rate":0.0035971731,"signed_change_rate":0.0035971731,` +
    `"ask_bid":"BID","trade_volume":0.00606119,"acc_trade_volume":739.45160231,"trade_date":"20261122",` +
    `"trade_time":"042805","trade_timestamp":${MS},"acc_ask_volume":360.12345678,"acc_bid_volume":379.32814553,` +
    `"highest_52_week_price":179869000.00000000,"highest_52_week_date":"2025-10-09",` +
    `"lowest_52_week_price":98000000.00000000,"lowest_52_week_date":"2026-02-06","market_state":"ACTIVE",` +
    `"is_trading_suspended":false,"delisting_date":null,"market_warning":"NONE","timestamp":${MS},` +
    `"acc_trade_price_24h":204890599315.2282100000000000,"acc_trade_volume_24h":1439.45160231,"stream_type":"REALTIME"}`;
}
