import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../state/app.ts";
import type { SortBy } from "../model/market_order.ts";
import type { WordKey } from "../text/ko.ts";
import { CloseIcon, SearchIcon } from "./icons.tsx";
import { MarketRow } from "./market_row.tsx";

/** As in the style sheet (`--row`): rows are equally high, so that only those in sight exist. */
const ROW_PX = 52;
/** Rows kept beyond each edge, so that fast scrolling does not show an empty list. */
const ROWS_BEYOND = 6;
/** Prices move faster than one can read: the order follows them once in this time, and never under the pointer. */
const REORDER_MS = 2_000;

export function MarketList({ app }: { readonly app: App }) {
  const { t } = app.preferences;
  return (
    <div class="market-list">
      <div class="list-head">
        <Search app={app} />
        <div class="quotes" role="group" aria-label={t("marketList")}>
          {app.board.quotes.value.map((quote) => (
            <button
              type="button"
              key={quote}
              aria-pressed={quote === app.board.quote.value}
              onClick={() => {
                app.board.quote.value = quote;
                app.board.search.value = "";
              }}
            >
              {quote}
            </button>
          ))}
          <span class="count">{app.board.shown.value.length || ""}</span>
        </div>
        <div class="sorts">
          <SortButton app={app} by="name" text="sortName" />
          <SortButton app={app} by="price" text="sortPrice" />
          <SortButton app={app} by="change" text="sortChange" />
          <SortButton app={app} by="turnover" text="sortTurnover" />
        </div>
      </div>
      <Rows app={app} />
    </div>
  );
}

function Search({ app }: { readonly app: App }) {
  const { t } = app.preferences;
  const { search } = app.board;
  return (
    <label class="search">
      <SearchIcon />
      <input
        id="market-search"
        type="text"
        inputMode="search"
        enterkeyhint="search"
        autocomplete="off"
        spellcheck={false}
        placeholder={t("search")}
        aria-label={t("search")}
        aria-controls="market-rows"
        value={search.value}
        onInput={(event) => search.value = event.currentTarget.value}
        onKeyDown={(event) => {
          if (event.key === "Escape") search.value = "";
          if (event.isComposing) return; // Enter ends a Korean syllable first
          if (event.key === "Enter") {
            const first = app.board.shown.value[0];
            if (first !== undefined) app.route.choose(first.market);
          }
          if (event.key === "ArrowDown") {
            event.preventDefault();
            document.getElementById("market-rows")?.focus();
          }
        }}
      />
      {search.value === ""
        ? <kbd>/</kbd>
        : (
          <button type="button" aria-label={t("clearSearch")} onClick={() => search.value = ""}>
            <CloseIcon />
          </button>
        )}
    </label>
  );
}

function SortButton({ app, by, text }: {
  readonly app: App;
  readonly by: SortBy;
  readonly text: WordKey;
}) {
  const { t } = app.preferences;
  const { sort } = app.board;
  const chosen = sort.value.by === by;
  const arrow = sort.value.descending ? "↓" : "↑";
  return (
    <button
      type="button"
      data-by={by}
      aria-pressed={chosen}
      aria-label={`${t("sortBy", t(text))}${chosen ? ` ${arrow}` : ""}`}
      onClick={() =>
        sort.value = { by, descending: chosen ? !sort.value.descending : by !== "name" }}
    >
      {t(text)}
      <i aria-hidden="true">{chosen ? arrow : ""}</i>
    </button>
  );
}

function Rows({ app }: { readonly app: App }) {
  const { t } = app.preferences;
  const rows = app.board.shown.value;
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<string | null>(null);
  const [range, setRange] = useState({ from: 0, to: 40 });
  useReordering(app, scroller);
  const look = (): void => {
    if (scroller.current === null) return; // a last scroll of a list that is gone
    const { scrollTop, clientHeight } = scroller.current;
    const from = Math.max(0, Math.floor(scrollTop / ROW_PX) - ROWS_BEYOND);
    const to = Math.ceil((scrollTop + clientHeight) / ROW_PX) + ROWS_BEYOND;
    setRange((held) => held.from === from && held.to === to ? held : { from, to });
  };
  useEffect(() => {
    const sizes = new ResizeObserver(look);
    sizes.observe(scroller.current!);
    return () => sizes.disconnect();
  }, []);
  const move = (to: number): void => {
    const at = Math.max(0, Math.min(rows.length - 1, to));
    const row = rows[at];
    if (row === undefined) return;
    setActive(row.market);
    const element = scroller.current!;
    const top = at * ROW_PX;
    if (top < element.scrollTop) element.scrollTop = top;
    const below = top + ROW_PX - element.clientHeight;
    if (below > element.scrollTop) element.scrollTop = below;
  };
  const activeMarket = active ?? app.market.value;
  const at = rows.findIndex((row) => row.market === activeMarket);
  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.floor(scroller.current!.clientHeight / ROW_PX);
    const to = KEY_MOVES[event.key]?.(at, page, rows.length);
    if (to !== undefined) {
      event.preventDefault();
      move(to);
    } else if ((event.key === "Enter" || event.key === " ") && rows[at] !== undefined) {
      event.preventDefault();
      app.route.choose(rows[at].market);
    }
  };
  const visible = rows.slice(range.from, range.to);
  return (
    <div
      id="market-rows"
      class="rows"
      ref={scroller}
      tabIndex={0}
      role="listbox"
      aria-label={t("marketList")}
      aria-activedescendant={at < 0 ? undefined : `row-${activeMarket}`}
      onScroll={look}
      onKeyDown={onKeyDown}
      onFocus={() => setActive(app.market.value)}
      onBlur={() => setActive(null)}
    >
      <div class="rows-all" style={{ height: `${rows.length * ROW_PX}px` }}>
        {visible.map((row, index) => (
          <MarketRow
            key={row.market}
            app={app}
            entry={row}
            topPx={(range.from + index) * ROW_PX}
            position={range.from + index + 1}
            size={rows.length}
            active={active === row.market}
          />
        ))}
      </div>
      {rows.length === 0 && <EmptyList app={app} />}
    </div>
  );
}

const KEY_MOVES: Readonly<
  Record<string, (at: number, page: number, size: number) => number>
> = {
  ArrowDown: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  PageDown: (at, page) => at + page,
  PageUp: (at, page) => at - page,
  Home: () => 0,
  End: (_at, _page, size) => size - 1,
};

function useReordering(app: App, scroller: { readonly current: HTMLElement | null }): void {
  useEffect(() => {
    const timer = setInterval(() => {
      const list = scroller.current;
      const busy = list === null || list.matches(":hover") || document.activeElement === list;
      if (!busy && document.visibilityState === "visible") app.board.reorder();
    }, REORDER_MS);
    return () => clearInterval(timer);
  }, []);
}

function EmptyList({ app }: { readonly app: App }) {
  const { t } = app.preferences;
  const { state, markets, search } = app.board;
  if (state.value === "loading") return <Skeleton />;
  const [title, remedy]: [string, string] = state.value === "failed"
    ? [t("marketsFailed"), t("failedRemedy")]
    : markets.value.length === 0
    ? [t("noMarkets"), t("noMarketsRemedy")]
    : [t("noMatch", search.value), t("noMatchRemedy")];
  return (
    <div class="notice" role="status">
      <b>{title}</b>
      <span>{remedy}</span>
    </div>
  );
}

function Skeleton() {
  return (
    <div class="skeleton" aria-hidden="true">
      {Array.from({ length: 12 }, (_, at) => <i key={at} />)}
    </div>
  );
}
