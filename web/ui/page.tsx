import { useEffect } from "preact/hooks";
import { useSignalEffect } from "@preact/signals";
import type { App } from "../state/app.ts";
import { padded } from "../format/number.ts";
import { CompareView } from "../compare/compare_view.tsx";
import { ChartPanel } from "./chart_panel.tsx";
import { MarketHeader } from "./market_header.tsx";
import { MarketList } from "./market_list.tsx";
import { CandleRecord } from "./candle_record.tsx";
import { TopBar } from "./top_bar.tsx";
import { ChartIcon, CompareIcon, ListIcon } from "./icons.tsx";

export function Page({ app }: { readonly app: App }) {
  const { t } = app.preferences;
  const pane = app.route.pane.value;
  const view = app.route.view.value;
  useTitle(app);
  useSlashKey();
  return (
    <div class="page" data-pane={pane}>
      <TopBar app={app} />
      {view === "compare" ? <CompareView app={app} /> : <Panes app={app} />}
      <nav class="tab-bar" aria-label="Stofka">
        <button
          type="button"
          aria-current={view === "market" && pane === "markets" ? "page" : undefined}
          onClick={() => app.route.show("markets")}
        >
          <ListIcon />
          {t("markets")}
        </button>
        <button
          type="button"
          aria-current={view === "market" && pane === "chart" ? "page" : undefined}
          onClick={() => {
            app.route.choose(app.market.value);
            app.route.show("chart");
          }}
        >
          <ChartIcon />
          {t("chart")}
        </button>
        <button
          type="button"
          aria-current={view === "compare" ? "page" : undefined}
          onClick={() => app.route.open("compare")}
        >
          <CompareIcon />
          {t("compareTitle")}
        </button>
      </nav>
    </div>
  );
}

function Panes({ app }: { readonly app: App }) {
  const { t } = app.preferences;
  return (
    <main class="panes">
      <section class="pane chart-pane" aria-label={t("chart")}>
        <MarketHeader app={app} />
        <ChartPanel app={app} />
        <CandleRecord app={app} />
      </section>
      <section class="pane list-pane" aria-label={t("marketList")}>
        <MarketList app={app} />
      </section>
    </main>
  );
}

/** The price in the tab's title, and whose data it is. */
function useTitle(app: App): void {
  useSignalEffect(() => {
    const ticker = app.board.ticker(app.market.value).value;
    const kind = app.freshness.provenance.value;
    const label = kind === null ? "" : `[${app.preferences.t(kind)}] `;
    const arrow = ticker?.change === "RISE" ? "▲ " : ticker?.change === "FALL" ? "▼ " : "";
    const price = ticker === null ? "" : `${arrow}${padded(ticker.price, 0)} · `;
    document.title = `${label}${price}${app.market.value} · Stofka`;
  });
}

/** `/` goes to the search, as traders expect. */
function useSlashKey(): void {
  useEffect(() => {
    const stop = new AbortController();
    addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLInputElement;
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      document.querySelector<HTMLInputElement>("#market-search")?.focus();
    }, { signal: stop.signal });
    return () => stop.abort();
  }, []);
}
