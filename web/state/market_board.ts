import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { backoffMs, type BackoffPlan } from "#core/backoff.ts";
import type { TickerEvent } from "#core/event/ticker_event.ts";
import { sleep } from "#core/lifecycle.ts";
import { type Market, quoteOf } from "#core/market.ts";
import { marketSearch } from "../format/hangul.ts";
import { type Sort, sortedMarkets } from "../model/market_order.ts";
import { TickerTable } from "../model/ticker_table.ts";
import type { ListedMarket, MarketsAnswer } from "../net/requests.ts";

const BACKOFF: BackoffPlan = { firstMs: 500, maxMs: 5_000 };
/** A market that the list does not know makes the list be fetched again, at most this often. */
const REFETCH_MS_MIN = 30_000;

export type BoardState = "loading" | "ready" | "failed";

/** The market list: names, newest tickers, and the order they are shown in. */
export class MarketBoard {
  readonly quote: Signal<string> = signal("KRW");
  readonly search = signal("");
  readonly sort = signal<Sort>({ by: "turnover", descending: true });
  readonly #state = signal<BoardState>("loading");
  readonly #markets = signal<readonly ListedMarket[]>([]);
  readonly #table = new TickerTable();
  readonly #signals = new Map<Market, Signal<TickerEvent | null>>();
  readonly #waiting = new Set<Market>();
  readonly #orderTick = signal(0);
  #frame = 0;
  #fetchedAtMs = 0;
  #refetch: () => void = () => {};

  get state(): ReadonlySignal<BoardState> {
    return this.#state;
  }

  get markets(): ReadonlySignal<readonly ListedMarket[]> {
    return this.#markets;
  }

  readonly quotes = computed(() => {
    const quotes = new Set(this.#markets.value.map(({ market }) => quoteOf(market)));
    return ["KRW", "BTC", "USDT"].filter((quote) => quotes.delete(quote)).concat([...quotes]);
  });

  /** What the list shows, in order. Recomputed for a new choice at once, for new prices with each {@link reorder}. */
  readonly shown = computed(() => {
    this.#orderTick.value;
    const matches = marketSearch(this.search.value);
    const searching = this.search.value.trim() !== "";
    const rows = this.#markets.value.filter((entry) =>
      (searching || quoteOf(entry.market) === this.quote.value) && matches(entry)
    );
    return sortedMarkets(rows, (market) => this.#table.get(market), this.sort.value);
  });

  /** The market's newest ticker; changes at most once a frame. */
  ticker(market: Market): ReadonlySignal<TickerEvent | null> {
    let held = this.#signals.get(market);
    if (held === undefined) {
      held = signal(this.#table.get(market) ?? null);
      this.#signals.set(market, held);
    }
    return held;
  }

  /** The newest ticker now, whether or not a frame was drawn since. */
  newest(market: Market): TickerEvent | undefined {
    return this.#table.get(market);
  }

  put(ticker: TickerEvent): void {
    if (!this.#table.put(ticker)) return;
    this.#waiting.add(ticker.market);
    this.#frame ||= requestAnimationFrame(() => this.#flush());
    this.#learn(ticker.market);
  }

  reorder(): void {
    this.#orderTick.value++;
  }

  /** Fetches the list, and again when an unknown market shows up, until the signal aborts. */
  async run(
    fetchMarkets: (signal: AbortSignal) => Promise<MarketsAnswer>,
    chance: () => number,
    signal: AbortSignal,
  ): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      try {
        const answer = await fetchMarkets(signal);
        this.#take(answer);
        failures = 0;
      } catch {
        if (signal.aborted) return;
        failures++; // said by the state, and asked again
        if (this.#markets.value.length === 0) this.#state.value = "failed";
        await sleep(backoffMs(BACKOFF, failures, chance()), signal);
        continue;
      }
      if (this.#markets.value.length === 0) await sleep(2_000, signal);
      else await this.#refetchWanted(signal);
    }
  }

  #take({ markets, tickers }: MarketsAnswer): void {
    this.#fetchedAtMs = Date.now();
    for (const ticker of tickers) {
      if (this.#table.put(ticker)) this.#waiting.add(ticker.market);
    }
    batch(() => {
      this.#markets.value = markets;
      this.#state.value = "ready";
      this.reorder();
      this.#flush();
    });
  }

  #flush(): void {
    this.#frame = 0;
    batch(() => {
      for (const market of this.#waiting) {
        const held = this.#signals.get(market);
        if (held !== undefined) held.value = this.#table.get(market) ?? null;
      }
    });
    this.#waiting.clear();
  }

  #learn(market: Market): void {
    if (this.#markets.peek().length === 0 || this.#known().has(market)) return;
    if (Date.now() - this.#fetchedAtMs >= REFETCH_MS_MIN) this.#refetch();
  }

  readonly #knownMarkets = computed(() => new Set(this.#markets.value.map(({ market }) => market)));

  #known(): ReadonlySet<Market> {
    return this.#knownMarkets.peek();
  }

  #refetchWanted(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#refetch = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
