import type { Market } from "#core/market.ts";
import type { Board } from "../state/board.ts";

/**
 * The body of `GET /api/markets`: every listed market and every one with a ticker, by market, with its names and its
 * newest `ticker` event (null before the first). Names are null where the exchange's list is not known, as in a replay.
 */
export function marketsJson(board: Board): string {
  const listings = board.listings();
  const markets = new Set<Market>(listings.keys());
  for (const { event } of board.tickers()) markets.add(event.market);
  const rows = [...markets].sort().map((market) => {
    const listing = listings.get(market);
    const names = `"korean_name":${JSON.stringify(listing?.koreanName ?? null)},"english_name":${
      JSON.stringify(listing?.englishName ?? null)
    }`;
    const ticker = board.ticker(market)?.live.data ?? "null";
    return `{"market":"${market}","listed":${listing !== undefined},${names},"ticker":${ticker}}`;
  });
  return `{"markets":[${rows.join(",")}]}`;
}
