import { encodeTail, type ExchangeKind } from "#core/event/tail_event.ts";
import { frameOf } from "../live_event.ts";
import type { Board } from "../state/board.ts";
import type { Subscription } from "./subscription.ts";

/**
 * The first event of a connection, made of texts that are already encoded: the newest ticker of each market asked for,
 * and every second held of them.
 */
export function tailFrame(board: Board, exchange: ExchangeKind, wanted: Subscription): string {
  const tickers: string[] = [];
  if (wanted.events.has("ticker")) {
    for (const { live } of board.tickers()) {
      if (wanted.matches(live.market!)) tickers.push(live.data);
    }
  }
  const candles: string[] = [];
  if (wanted.events.has("candle")) {
    for (const ring of board.rings) {
      for (const candle of ring.values()) {
        if (wanted.matches(candle.market)) candles.push(candle.data);
      }
    }
  }
  const link = wanted.events.has("link") ? board.linkEvent().data : null;
  const data = encodeTail({ sinceMs: sinceOf(board, wanted), exchange, link, tickers, candles });
  return frameOf("tail", data);
}

/** The promise of all partitions together: the latest of theirs. Markets may appear on any partition, so all count. */
function sinceOf(board: Board, _wanted: Subscription): number {
  let sinceMs = 0;
  for (const ring of board.rings) sinceMs = Math.max(sinceMs, ring.sinceMs ?? 0);
  return sinceMs;
}
