import { decodeCandleEvent } from "#core/event/candle_event.ts";
import { tickerEvent } from "#core/event/ticker_event.ts";
import { Failure } from "#core/failure.ts";
import { readTicker } from "#core/upbit/ticker_message.ts";
import type { Board } from "../state/board.ts";
import { parseElement } from "./element.ts";
import type { Hash } from "./redis_snapshot.ts";

export interface SnapshotCounts {
  readonly tickers: number;
  readonly candles: number;
  readonly unreadable: number;
}

/**
 * Takes what persist keeps in Redis into the board: the newest ticker of each market, and its newest second so that
 * nothing older is sent after it. It has to be asked for after persist's committed offsets were: then it holds at least
 * all that lies before them.
 *
 * A ticker's receive time is not kept in Redis; the exchange's time of it stands in, until the next ticker.
 */
export function takeSnapshot(tickers: Hash, candles: Hash, board: Board): SnapshotCounts {
  const counts = { tickers: 0, candles: 0, unreadable: 0 };
  const each = (
    values: Hash,
    kind: "tickers" | "candles",
    take: (payload: string) => void,
  ): void => {
    for (const value of Object.values(values)) {
      try {
        take(value.slice(value.indexOf(" ") + 1));
        counts[kind]++;
      } catch (error) {
        if (!(error instanceof Failure) && !(error instanceof SyntaxError)) throw error;
        counts.unreadable++;
      }
    }
  };
  each(tickers, "tickers", (payload) => {
    const ticker = readTicker(parseElement(payload));
    board.rememberTicker(tickerEvent(ticker, ticker.timestampMs));
  });
  each(candles, "candles", (payload) => {
    board.rememberCandle(decodeCandleEvent(payload));
  });
  return counts;
}
