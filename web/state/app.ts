import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type Interval } from "#core/interval.ts";
import { type Market, market, quoteOf } from "#core/market.ts";
import { sleep } from "#core/lifecycle.ts";
import { ServerClock } from "../model/server_clock.ts";
import type { SeriesRow } from "../model/series_row.ts";
import { Requests } from "../net/requests.ts";
import { watchWakes } from "./wakes.ts";
import { ChartSession, type StreamPorts } from "./chart_session.ts";
import { Freshness } from "./freshness.ts";
import { followList } from "./list_stream.ts";
import { MarketBoard } from "./market_board.ts";
import { createPreferences, type Preferences } from "./preferences.ts";
import { createRoute, type Route } from "./route.ts";

/** Chosen when the address names no market. */
const DEFAULT_MARKET = market("KRW-BTC");

export interface App {
  readonly preferences: Preferences;
  readonly route: Route;
  readonly board: MarketBoard;
  readonly freshness: Freshness;
  readonly clock: ServerClock;
  readonly requests: Requests;
  readonly market: ReadonlySignal<Market>;
  /** What is shown: the address' interval, or where the server does not have that, its first. */
  readonly interval: ReadonlySignal<Interval>;
  /** What the server has; null before it answered. */
  readonly intervals: ReadonlySignal<readonly Interval[] | null>;
  readonly session: ReadonlySignal<ChartSession>;
  /** Start of the bucket under the crosshair, or null. */
  readonly hovered: Signal<number | null>;
  /** The bucket that keys walked to, to be read aloud; null when a pointer moves the crosshair. */
  readonly steppedTo: Signal<number | null>;
  readonly follows: Signal<boolean>;
  readonly incompleteInSight: Signal<boolean>;
  /** The row that the record shows: the hovered one, otherwise the newest. */
  readonly record: ReadonlySignal<SeriesRow | null>;
}

/** Builds the page's state and starts its streams; they end with the signal. */
export function createApp(signalEnd: AbortSignal): App {
  const systemTheme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  const preferences = createPreferences(navigator.languages, systemTheme);
  const route = createRoute(signalEnd);
  const clock = new ServerClock(() => Date.now());
  const requests = new Requests(clock);
  const freshness = new Freshness(() => clock.nowMs());
  const board = new MarketBoard();
  const streams: StreamPorts = {
    open: (url) => new EventSource(url),
    wakes: watchWakes(signalEnd),
    nowMs: () => Date.now(),
    chance: () => Math.random(),
  };
  const chosen = computed(() =>
    route.market.value ?? board.markets.value.find((one) =>
      one.market === DEFAULT_MARKET
    )?.market ??
      board.markets.value[0]?.market ?? DEFAULT_MARKET
  );
  board.quote.value = quoteOf(chosen.peek());

  const intervals = signal<readonly Interval[] | null>(null);
  const interval = computed(() => {
    const wanted = route.interval.value;
    return intervals.value?.includes(wanted) ?? true ? wanted : intervals.value![0]!;
  });

  const parts = { requests, board, freshness, streams };
  const session = signal(new ChartSession(chosen.peek(), interval.peek(), parts));
  const hovered = signal<number | null>(null);
  effect(() => {
    const { feed } = session.peek();
    if (feed.market === chosen.value && feed.interval === interval.value) return;
    session.peek().end();
    hovered.value = null;
    session.value = new ChartSession(chosen.value, interval.value, parts);
  });

  void board.run((signal) => requests.markets(signal), streams.chance, signalEnd);
  void learnIntervals(requests, intervals, signalEnd);
  void followList(board, freshness, streams, signalEnd);
  const seconds = setInterval(() => freshness.update(), 1_000);
  signalEnd.addEventListener("abort", () => clearInterval(seconds), { once: true });

  const record = computed(() => {
    const current = session.value;
    current.version.value;
    const at = hovered.value;
    return (at === null ? current.feed.series.last : current.feed.series.rowAt(at)) ?? null;
  });
  const follows = signal(true);
  return {
    preferences,
    route,
    board,
    freshness,
    clock,
    requests,
    market: chosen,
    interval,
    intervals,
    session,
    hovered,
    steppedTo: signal<number | null>(null),
    follows,
    incompleteInSight: signal(false),
    record,
  };
}

async function learnIntervals(
  requests: Requests,
  intervals: Signal<readonly Interval[] | null>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      intervals.value = await requests.intervals(signal);
      return;
    } catch {
      await sleep(5_000, signal); // until then only the address' own is offered
    }
  }
}
