import type { TickerEvent } from "#core/event/ticker_event.ts";
import type { Market } from "#core/market.ts";

export type SortBy = "name" | "price" | "change" | "turnover";

export interface Sort {
  readonly by: SortBy;
  readonly descending: boolean;
}

/** In order; markets of which the value is not known come last, whichever way; equals by market. */
export function sortedMarkets<Row extends { readonly market: Market }>(
  rows: readonly Row[],
  tickerOf: (market: Market) => TickerEvent | undefined,
  { by, descending }: Sort,
): Row[] {
  const sign = descending ? -1 : 1;
  if (by === "name") return rows.toSorted((a, b) => sign * order(a.market, b.market));
  return rows
    .map((row) => ({ row, value: valueOf(tickerOf(row.market), by) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) {
        return Number(a.value === null) - Number(b.value === null) ||
          order(a.row.market, b.row.market);
      }
      return sign * (a.value - b.value) || order(a.row.market, b.row.market);
    })
    .map(({ row }) => row);
}

function valueOf(ticker: TickerEvent | undefined, by: Exclude<SortBy, "name">): number | null {
  if (ticker === undefined) return null;
  const text = {
    price: ticker.price,
    change: ticker.changeRate,
    turnover: ticker.turnover24h,
  }[by];
  return text === null ? null : Number(text);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
