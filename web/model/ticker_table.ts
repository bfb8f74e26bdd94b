import type { TickerEvent } from "#core/event/ticker_event.ts";
import type { Market } from "#core/market.ts";
import { newer } from "#core/revision.ts";

/** The newest ticker of every market. Bounded by the exchange's market list. */
export class TickerTable {
  readonly #tickers = new Map<Market, TickerEvent>();

  get(market: Market): TickerEvent | undefined {
    return this.#tickers.get(market);
  }

  /** @returns whether it was newer than what was held */
  put(ticker: TickerEvent): boolean {
    const held = this.#tickers.get(ticker.market);
    if (held !== undefined && !newer(ticker.revision, held.revision)) return false;
    this.#tickers.set(ticker.market, ticker);
    return true;
  }
}
