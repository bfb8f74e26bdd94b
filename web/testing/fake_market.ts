import type { Candle } from "#core/candle.ts";
import { decimal } from "#core/decimal.ts";
import { type CandleEvent, candleEvent } from "#core/event/candle_event.ts";
import { type TickerEvent, tickerEvent } from "#core/event/ticker_event.ts";
import { type Market, market } from "#core/market.ts";

/** A market for tests and screenshots: the same seed and second give the same candle. No part of any exchange. */
export interface FakeMarket {
  readonly market: Market;
  readonly koreanName: string;
  readonly englishName: string;
  readonly price: number;
  readonly tick: number;
  /** Share of seconds with a trade. */
  readonly activity: number;
}

const KNOWN: readonly (readonly [string, string, string, number, number, number])[] = [
  ["KRW-BTC", "비트코인", "Bitcoin", 142_009_000, 1_000, 0.93],
  ["KRW-ETH", "이더리움", "Ethereum", 4_871_000, 1_000, 0.9],
  ["KRW-XRP", "엑스알피(리플)", "XRP", 3_512, 1, 0.95],
  ["KRW-SOL", "솔라나", "Solana", 231_450, 50, 0.85],
  ["KRW-DOGE", "도지코인", "Dogecoin", 412.3, 0.1, 0.8],
  ["KRW-USDT", "테더", "Tether", 1_438, 1, 0.75],
  ["KRW-ADA", "에이다", "Cardano", 1_127, 1, 0.5],
  ["KRW-SHIB", "시바이누", "Shiba Inu", 0.01812, 0.00001, 0.3],
  ["KRW-PEPE", "페페", "Pepe", 0.01433, 0.00001, 0.35],
  ["KRW-BCH", "비트코인캐시", "Bitcoin Cash", 702_500, 500, 0.1],
  ["KRW-SXP", "솔라", "Solar", 341.2, 0.1, 0.05],
  [
    "KRW-WEMIX",
    "위믹스 네트워크 통합 게임 플랫폼",
    "Wemix Integrated Game Platform",
    1_049,
    1,
    0.02,
  ],
  ["BTC-ETH", "이더리움", "Ethereum", 0.03412911, 0.00000001, 0.2],
  ["BTC-XRP", "엑스알피(리플)", "XRP", 0.00002473, 0.00000001, 0.1],
  ["USDT-BTC", "비트코인", "Bitcoin", 98_765.43, 0.01, 0.3],
];

export function fakeMarkets(count: number): FakeMarket[] {
  return Array.from({ length: count }, (_, at) => {
    const known = KNOWN[at];
    if (known !== undefined) {
      const [code, koreanName, englishName, price, tick, activity] = known;
      return { market: market(code), koreanName, englishName, price, tick, activity };
    }
    return {
      market: market(`KRW-T${at}`),
      koreanName: `테스트코인 ${at}`,
      englishName: `Testcoin ${at}`,
      price: Math.round(10 ** (1 + chance(at, 1) * 4)),
      tick: 1,
      activity: 0.02 + chance(at, 2) ** 4 * 0.5,
    };
  });
}

/** The candle of a second as first sent, or null for a second without trades. */
export function fakeSecond(of: FakeMarket, startsAtMs: number): Candle | null {
  const second = startsAtMs / 1_000;
  const seed = hash(of.market);
  if (chance(seed, second) > of.activity) return null;
  const [open, close] = [priceAt(of, seed, second), priceAt(of, seed, second + 1)];
  const reach = of.tick * Math.floor(chance(seed, second + 0.3) * 3);
  const high = Math.max(open, close) + reach;
  const low = Math.max(of.tick, Math.min(open, close) - (reach > 0 ? of.tick : 0));
  const volume = chance(seed, second + 0.5) ** 6 * 4e8 / of.price + 5_000 / of.price;
  return {
    market: of.market,
    interval: "1s",
    startsAtMs,
    open: priceText(of, open),
    high: priceText(of, high),
    low: priceText(of, low),
    close: priceText(of, close),
    volume: decimal(volume.toFixed(8)),
    turnover: decimal((volume * (open + close) / 2).toFixed(8)),
    lastTickAtMs: startsAtMs + 100 + Math.floor(chance(seed, second + 0.7) * 890),
  };
}

/** What traded in [from, to) long ago, of which no seconds are invented. */
export function fakeSpan(of: FakeMarket, fromMs: number, toMs: number): Candle {
  const seed = hash(of.market);
  const [open, close] = [
    priceAt(of, seed, fromMs / 1_000),
    priceAt(of, seed, toMs / 1_000),
  ];
  const reach = of.tick * Math.ceil(chance(seed, fromMs / 1_000 + 0.2) * 5);
  const volume = (toMs - fromMs) / 1_000 * (1 + chance(seed, fromMs / 1_000)) * 4e7 / of.price;
  return {
    market: of.market,
    interval: "1s", // a part of a bucket, not a second: the fold asks its start alone
    startsAtMs: fromMs,
    open: priceText(of, open),
    high: priceText(of, Math.max(open, close) + reach),
    low: priceText(of, Math.max(of.tick, Math.min(open, close) - reach)),
    close: priceText(of, close),
    volume: decimal(volume.toFixed(8)),
    turnover: decimal((volume * (open + close) / 2).toFixed(8)),
    lastTickAtMs: toMs - 40,
  };
}

/** The second as received by the socket a few ms after its end. */
export function fakeCandleEvent(candle: Candle): CandleEvent {
  return candleEvent(candle, candle.startsAtMs + 1_007, "websocket");
}

export function fakeTicker(of: FakeMarket, nowMs: number): TickerEvent {
  const seed = hash(of.market);
  const price = priceAt(of, seed, Math.floor(nowMs / 1_000));
  const previous = priceAt(of, seed, 7) * (1 + (chance(seed, 9) - 0.5) * 0.2);
  const previousText = priceText(of, previous);
  const changePrice = decimal((price - Number(previousText)).toFixed(8));
  return tickerEvent({
    market: of.market,
    price: priceText(of, price),
    previousClose: previousText,
    change: changePrice === "0" ? "EVEN" : changePrice.startsWith("-") ? "FALL" : "RISE",
    changePrice,
    changeRate: decimal((Number(changePrice) / Number(previousText)).toFixed(10)),
    high: priceText(of, price * 1.021),
    low: priceText(of, price * 0.984),
    volume24h: decimal((of.activity * 9e10 / of.price).toFixed(8)),
    turnover24h: decimal((of.activity ** 2 * 4.1e11 + 1e6).toFixed(5)),
    volumeToday: decimal((nowMs % 86_400_000 / 1_000).toFixed(3)),
    timestampMs: nowMs - 40,
    tradeTimestampMs: nowMs - 60,
  }, nowMs - 15);
}

function priceAt(of: FakeMarket, seed: number, second: number): number {
  let wave = 0;
  for (const [period, height] of [[7, 0.25], [31, 0.6], [173, 1.6], [1_201, 5], [9_007, 14]]) {
    wave += height! * Math.sin(second / period! + seed % 100 + chance(seed, period!) * 6);
  }
  wave += (chance(seed, second + 0.1) - 0.5) * 0.9;
  return Math.max(of.tick, Math.round(of.price * (1 + wave * 1e-4) / of.tick) * of.tick);
}

function priceText(of: FakeMarket, price: number): ReturnType<typeof decimal> {
  const digits = Math.max(0, -Math.floor(Math.log10(of.tick)));
  return decimal((Math.round(price / of.tick) * of.tick).toFixed(digits));
}

function hash(text: string): number {
  let value = 7;
  for (const character of text) value = (value * 31 + character.charCodeAt(0)) % 65_521;
  return value;
}

/** In [0, 1), from two numbers alone. */
function chance(a: number, b: number): number {
  const x = Math.sin(a * 12.9898 + b * 78.233) * 43_758.5453;
  return x - Math.floor(x);
}
