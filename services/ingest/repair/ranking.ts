import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import { isMarket, type Market, quoteOf } from "#core/market.ts";
import { Failure, shown } from "#core/failure.ts";

/** Address of the tickers of all markets of these quote currencies. */
export function tickersAddress(restUrl: string, markets: readonly Market[]): string {
  const quotes = [...new Set(markets.map(quoteOf))].sort().join(",");
  return `${restUrl.replace(/\/+$/, "")}/ticker/all?${new URLSearchParams({
    quote_currencies: quotes,
  })}`;
}

/**
 * The markets' turnover of 24 hours in KRW, for the order of work alone: a rough number, so a binary float will do.
 *
 * @param text the answer of `/ticker/all`
 * @throws Failure `tickers_unreadable`
 */
export function turnovers(text: string): ReadonlyMap<Market, number> {
  let json: unknown;
  try {
    json = parseJsonNumbersAsText(text);
  } catch (error) {
    throw new Failure("tickers_unreadable", `${shown(text)} is not JSON`, error);
  }
  if (!Array.isArray(json)) {
    throw new Failure("tickers_unreadable", `${shown(text)} is no list of tickers`);
  }
  const prices = new Map<string, number>();
  const traded = new Map<Market, number>();
  for (const ticker of json as (Readonly<Record<string, unknown>> | null)[]) {
    const market = ticker?.["market"];
    if (!isMarket(market)) continue;
    prices.set(market, Number(ticker!["trade_price"]));
    traded.set(market, Number(ticker!["acc_trade_price_24h"]));
  }
  const inKrw = (market: Market, turnover: number): number => {
    const quote = quoteOf(market);
    return quote === "KRW" ? turnover : turnover * (prices.get(`KRW-${quote}`) ?? 0);
  };
  return new Map(
    [...traded].map(([market, turnover]) => [market, inKrw(market, turnover) || 0] as const),
  );
}

/** Most traded first; what is not known keeps its order, behind. */
export function ranked(
  markets: readonly Market[],
  turnover: ReadonlyMap<Market, number>,
): readonly Market[] {
  const of = (market: Market): number => turnover.get(market) ?? -1;
  return [...markets].sort((a, b) => of(b) - of(a));
}
