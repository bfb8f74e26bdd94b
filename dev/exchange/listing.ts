import { dayMs } from "./calendar.ts";
import { hashText, mix, unit } from "./random.ts";
import { type Coin, coins } from "./coins.ts";

/** A market as the exchange lists it, and what its trading is like. */
export interface Listing {
  readonly market: string;
  readonly koreanName: string;
  readonly englishName: string;
  /** First moment with trades, ms. */
  readonly listedAtMs: number;
  /** The price around which it moves, quote currency. */
  readonly middle: number;
  /** Typical day's move, a ratio. */
  readonly volatility: number;
  /** Mean trades a second at rate 1. */
  readonly tradesPerSecond: number;
  /** Typical trade, quote currency. */
  readonly tradeSize: number;
}

export type Quote = "KRW" | "BTC" | "USDT";

/** How many markets of each quote the exchange had on 2026-09-23. */
export const marketsPerQuote: Readonly<Record<Quote, number>> = { KRW: 289, BTC: 328, USDT: 238 };

const historyBeginsMs = Date.UTC(2024, 0, 1);
const krwPer: Readonly<Record<Quote, number>> = { KRW: 1, BTC: 142_000_000, USDT: 1_480 };
/** Share of the KRW market's trading: 30 BTC and 1.07 M USDT a day against 2.34 trillion KRW. */
const activity: Readonly<Record<Quote, number>> = { KRW: 1, BTC: 0.006, USDT: 0.003 };

/**
 * The first `count` markets of a quote, busiest first. A market is the same whatever the count and the other quotes are.
 *
 * @throws RangeError beyond what the exchange has
 */
export function listings(seed: number, quote: Quote, count: number): Listing[] {
  const max = marketsPerQuote[quote];
  if (!Number.isInteger(count) || count < 0 || count > max) {
    throw new RangeError(`${quote} has 0 to ${max} markets, not ${count}`);
  }
  const bases = quote === "KRW" ? coins : coins.filter((coin) => coin.symbol !== quote);
  return Array.from({ length: count }, (_, rank) => {
    // The BTC quote has more markets than there are coins with a KRW market: the rest are numbered.
    const coin = bases[rank] ?? extraCoin(rank);
    return listingOf(seed, `${quote}-${coin.symbol}`, quote, rank, coin);
  });
}

/** A market that comes while the exchange runs: lively, as new listings are. */
export function newListing(seed: number, market: string, listedAtMs: number): Listing {
  const [quote = "", symbol = ""] = market.split("-");
  if (!(quote in krwPer)) throw new RangeError(`${market} must begin with KRW-, BTC- or USDT-`);
  const rank = 20;
  const known = coins.find((coin) => coin.symbol === symbol);
  const coin = known ?? { symbol, koreanName: symbol, englishName: symbol, krw: 500 };
  return { ...listingOf(seed, market, quote as Quote, rank, coin), listedAtMs };
}

function listingOf(seed: number, market: string, quote: Quote, rank: number, coin: Coin): Listing {
  const own = mix(seed, hashText(market));
  const stable = coin.symbol === "USDT" || coin.symbol === "USDC" || coin.symbol === "USD1";
  // Half of the markets are as old as the history, the others came since, the busiest among the old.
  const age = rank < 40 ? 0 : Math.max(0, unit(own, 1) * 2 - 1);
  const listedAtMs = historyBeginsMs + Math.floor(age * 950) * dayMs;
  return {
    market,
    koreanName: coin.koreanName,
    englishName: coin.englishName,
    listedAtMs,
    middle: coin.krw / krwPer[quote],
    volatility: stable ? 0.003 : rank === 0 ? 0.02 : 0.03 + 0.03 * unit(own, 2),
    tradesPerSecond: tradesPerSecond(rank) * activity[quote],
    tradeSize: (60_000 + 120_000 * unit(own, 3)) / krwPer[quote],
  };
}

/** Heavy-tailed: KRW-BTC trades five times a second, in bursts; the two hundredth market twice a minute. */
function tradesPerSecond(rank: number): number {
  return (9 / (rank + 2) ** 0.75) * Math.exp(-rank / 160);
}

function extraCoin(rank: number): Coin {
  const symbol = `X${rank}`;
  return { symbol, koreanName: `엑스${rank}`, englishName: `X ${rank}`, krw: 10 + rank };
}
