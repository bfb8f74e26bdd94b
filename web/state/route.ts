import { type Signal, signal } from "@preact/signals";
import { type Interval, INTERVALS } from "#core/interval.ts";
import { isMarket, type Market } from "#core/market.ts";

/** On a narrow screen one of both is shown; a wide one shows both. */
export type Pane = "markets" | "chart";

/** What the address says, so that a link shows the same and Back goes back. */
export interface Route {
  readonly market: Signal<Market | null>;
  readonly interval: Signal<Interval>;
  readonly pane: Signal<Pane>;
  choose(market: Market): void;
  chooseInterval(interval: Interval): void;
  show(pane: Pane): void;
}

export function createRoute(signalEnd: AbortSignal): Route {
  const read = (): { market: Market | null; interval: Interval; pane: Pane } => {
    const query = new URLSearchParams(location.search);
    const market = query.get("market");
    const interval = query.get("interval");
    return {
      market: isMarket(market) ? market : null,
      interval: INTERVALS.find((candidate) => candidate === interval) ?? "1s",
      pane: isMarket(market) && query.get("pane") !== "markets" ? "chart" : "markets",
    };
  };
  const initial = read();
  const market = signal(initial.market);
  const interval = signal(initial.interval);
  const pane = signal(initial.pane);
  const go = (): void => {
    const query = new URLSearchParams();
    if (market.value !== null) query.set("market", market.value);
    if (interval.value !== "1s") query.set("interval", interval.value);
    if (market.value !== null && pane.value === "markets") query.set("pane", "markets");
    const search = query.size === 0 ? location.pathname : `?${query}`;
    if (search !== location.search) history.pushState(null, "", search);
  };
  addEventListener("popstate", () => {
    const now = read();
    market.value = now.market;
    interval.value = now.interval;
    pane.value = now.pane;
  }, { signal: signalEnd });
  return {
    market,
    interval,
    pane,
    choose(chosen) {
      market.value = chosen;
      pane.value = "chart";
      go();
    },
    chooseInterval(chosen) {
      interval.value = chosen;
      go();
    },
    show(chosen) {
      pane.value = chosen;
      go();
    },
  };
}
