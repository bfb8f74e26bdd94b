import { encodeTail } from "#core/event/tail_event.ts";
import type { ExchangeKind } from "#core/exchange_kind.ts";
import { partitionOf } from "#core/partition.ts";
import { frameOf } from "../live_event.ts";
import type { Board } from "../state/board.ts";
import type { TailRing } from "../state/tail_ring.ts";
import type { Subscription } from "./subscription.ts";

/**
 * The first event of a connection, made of texts that are already encoded: the newest ticker of each market asked for,
 * every second held of them, and the roll-ups of the last minute.
 */
export function tailFrame(board: Board, exchange: ExchangeKind, wanted: Subscription): string {
  const tickers: string[] = [];
  if (wanted.events.has("ticker")) {
    for (const { live } of board.tickers()) {
      if (wanted.matches(live.market!)) tickers.push(live.data);
    }
  }
  const candles: string[] = [];
  const rings = ringsOf(board, wanted);
  if (wanted.events.has("candle")) {
    for (const ring of rings) {
      for (const candle of ring.values()) {
        if (wanted.matches(candle.market)) candles.push(candle.data);
      }
    }
  }
  const rollups: string[] = [];
  for (const ring of wanted.events.has("postgres-candle") ? board.rollupRings : []) {
    for (const { market, interval, data } of ring.values()) {
      if (wanted.wants("postgres-candle", market, interval)) rollups.push(data);
    }
  }
  const postgresCandles = wanted.events.has("postgres-candle") ? rollups : null;
  const link = wanted.events.has("link") ? board.linkEvent().data : null;
  const sinceMs = Math.max(...rings.map((ring) => ring.sinceMs ?? 0));
  return frameOf(
    "tail",
    encodeTail({ sinceMs, exchange, link, tickers, candles, postgresCandles }),
  );
}

/** The rings that hold what is wanted. Each has a promise of its own; together the latest of these holds. */
function ringsOf(board: Board, { pairs }: Subscription): readonly TailRing[] {
  if (pairs === null) return board.rings;
  const count = board.rings.length;
  const partitions = new Set(pairs.map((market) => partitionOf(market, count)));
  return [...partitions].map((partition) => board.ring(partition));
}
