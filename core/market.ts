import { Failure, shown } from "./failure.ts";

/**
 * A trading pair as Upbit writes it, quote currency first: `KRW-BTC`. The WebSocket calls it `code`, REST calls it
 * `market`. Only {@link market} makes one.
 */
export type Market = string & { readonly __market: unique symbol };

/** Longest market text accepted; the longest real one is 10 characters, a limit keeps keys and rows bounded. */
export const MARKET_CHARS_MAX = 24;

const FORM = /^[A-Z0-9]{2,8}-[A-Z0-9]{1,15}$/;

/** @throws Failure `market_invalid` when the text is not a pair in upper case. */
export function market(text: string): Market {
  if (!isMarket(text)) {
    throw new Failure(
      "market_invalid",
      `${
        shown(text)
      } is not a market; write the quote currency first, in upper case, such as KRW-BTC`,
    );
  }
  return text;
}

export function isMarket(text: unknown): text is Market {
  return typeof text === "string" && FORM.test(text);
}

/** The quote currency: `KRW` of `KRW-BTC`. */
export function quoteOf(market: Market): string {
  return market.slice(0, market.indexOf("-"));
}

/**
 * Which markets to collect: everything, whole quote currencies, or single pairs.
 * Written as `all`, `KRW`, `KRW,BTC` or `KRW-BTC,KRW-ETH`.
 */
export function marketFilter(text: string): (market: Market) => boolean {
  const words = text.split(",").map((word) => word.trim()).filter((word) => word !== "");
  if (words.length === 0) {
    throw new Failure("markets_empty", "no markets chosen; write all, KRW, or KRW-BTC,KRW-ETH");
  }
  if (words.includes("all")) return () => true;
  const pairs = new Set<string>();
  const quotes = new Set<string>();
  for (const word of words) {
    if (/^[A-Z0-9]{2,8}$/.test(word)) quotes.add(word);
    else pairs.add(market(word));
  }
  return (candidate) => pairs.has(candidate) || quotes.has(quoteOf(candidate));
}
