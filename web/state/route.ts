import { type Signal, signal } from "@preact/signals";
import { type Interval, INTERVALS } from "#core/interval.ts";
import { isMarket, type Market } from "#core/market.ts";

/** On a narrow screen one of both is shown; a wide one shows both. */
export type Pane = "markets" | "chart";

/** A market's chart, or the exchange's candles beside ours. */
export type View = "market" | "compare";

const PATHS: Readonly<Record<View, string>> = { market: "/", compare: "/compare" };
/** What is shown where the address names no interval. */
const INTERVAL_OF: Readonly<Record<View, Interval>> = { market: "1s", compare: "1m" };

/** What the address says, so that a link shows the same and Back goes back. */
export interface Route {
  readonly view: Signal<View>;
  readonly market: Signal<Market | null>;
  readonly interval: Signal<Interval>;
  readonly pane: Signal<Pane>;
  choose(market: Market): void;
  chooseInterval(interval: Interval): void;
  show(pane: Pane): void;
  open(view: View): void;
}

export function createRoute(signalEnd: AbortSignal): Route {
  const read = (): { view: View; market: Market | null; interval: Interval; pane: Pane } => {
    const shown: View = location.pathname === PATHS.compare ? "compare" : "market";
    const query = new URLSearchParams(location.search);
    const market = query.get("market");
    const interval = query.get("interval");
    return {
      view: shown,
      market: isMarket(market) ? market : null,
      interval: INTERVALS.find((candidate) => candidate === interval) ?? INTERVAL_OF[shown],
      pane: isMarket(market) && query.get("pane") !== "markets" ? "chart" : "markets",
    };
  };
  const initial = read();
  const view = signal(initial.view);
  const market = signal(initial.market);
  const interval = signal(initial.interval);
  const pane = signal(initial.pane);
  const go = (): void => {
    const query = new URLSearchParams();
    if (market.value !== null) query.set("market", market.value);
    if (interval.value !== INTERVAL_OF[view.value]) query.set("interval", interval.value);
    if (market.value !== null && pane.value === "markets") query.set("pane", "markets");
    const address = PATHS[view.value] + (query.size === 0 ? "" : `?${query}`);
    if (address !== location.pathname + location.search) history.pushState(null, "", address);
  };
  addEventListener("popstate", () => {
    const now = read();
    view.value = now.view;
    market.value = now.market;
    interval.value = now.interval;
    pane.value = now.pane;
  }, { signal: signalEnd });
  return {
    view,
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
      view.value = "market";
      go();
    },
    open(chosen) {
      if (view.value === chosen) return;
      // seconds are many: minutes are the better begin
      if (chosen === "compare" && interval.value === "1s") interval.value = INTERVAL_OF.compare;
      view.value = chosen;
      go();
    },
  };
}
