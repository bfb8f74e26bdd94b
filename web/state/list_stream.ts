import { effect } from "@preact/signals";
import { decodeLinkEvent } from "#core/event/link_event.ts";
import { decodeTail } from "#core/event/tail_event.ts";
import { decodeTickerEvent } from "#core/event/ticker_event.ts";
import { followStream } from "../net/follow_stream.ts";
import type { StreamPorts } from "./chart_session.ts";
import type { Freshness } from "./freshness.ts";
import type { MarketBoard } from "./market_board.ts";

/** A tab hidden for longer gives the list's connection back: over HTTP/1.1 a browser has six for one host. */
const HIDDEN_MS_MAX = 30_000;

/** Follows the tickers of the chosen quote currency until the signal aborts. */
export function followList(
  board: MarketBoard,
  freshness: Freshness,
  streams: StreamPorts,
  signal: AbortSignal,
): void {
  let current: { readonly quote: string; readonly stop: AbortController } | null = null;
  const start = (): void => {
    const quote = board.quote.peek();
    if (current?.quote === quote || signal.aborted) return;
    stop();
    const controller = new AbortController();
    current = { quote, stop: controller };
    void followStream({
      ...streams,
      url: `/api/stream?markets=${quote}&events=ticker,link`,
      onState: () => {}, // the badge speaks of the chart's stream
      onEvent: (name, data) => {
        if (name === "tail") decodeTail(data).tickers.forEach((ticker) => board.put(ticker));
        if (name === "link") freshness.link(decodeLinkEvent(data));
        if (name !== "ticker") return;
        const ticker = decodeTickerEvent(data);
        freshness.seen(ticker.receivedAtMs);
        board.put(ticker);
      },
    }, controller.signal);
  };
  const stop = (): void => {
    current?.stop.abort();
    current = null;
  };
  effect(() => {
    board.quote.value;
    start();
  });
  let hiddenTimer = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenTimer);
    if (document.visibilityState === "visible") start();
    else hiddenTimer = setTimeout(stop, HIDDEN_MS_MAX) as unknown as number;
  }, { signal });
  signal.addEventListener("abort", stop, { once: true });
}
