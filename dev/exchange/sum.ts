/**
 * What traded in a stretch of time: a candle without its name. Prices and volumes in 10⁻⁸, turnover in 10⁻¹⁶, all exact.
 * Two neighbouring stretches join into one; everything the exchange says of a bucket is such a join.
 */
export interface Sum {
  readonly open: bigint;
  readonly high: bigint;
  readonly low: bigint;
  readonly close: bigint;
  readonly volume: bigint;
  /** The part of the volume where the taker sold. */
  readonly askVolume: bigint;
  readonly turnover: bigint;
  /** When the exchange stored the last-stored trade, ms: the candle's `timestamp`. */
  readonly lastTickAtMs: number;
}

/** One trade. */
export interface Trade {
  readonly market: string;
  /** Trade time, ms; orders trades, and decides the bucket. */
  readonly timeMs: number;
  readonly storedMs: number;
  /** From when on the exchange counts it, ms. */
  readonly countedMs: number;
  readonly price: bigint;
  readonly volume: bigint;
  readonly side: "ASK" | "BID";
  /** Decimal text (17 digits: more than a double holds); orders trades of one millisecond. */
  readonly sequentialId: string;
}

/** The earlier stretch, then the later. */
export function join(earlier: Sum | undefined, later: Sum | undefined): Sum | undefined {
  if (earlier === undefined) return later;
  if (later === undefined) return earlier;
  return {
    open: earlier.open,
    high: earlier.high > later.high ? earlier.high : later.high,
    low: earlier.low < later.low ? earlier.low : later.low,
    close: later.close,
    volume: earlier.volume + later.volume,
    askVolume: earlier.askVolume + later.askVolume,
    turnover: earlier.turnover + later.turnover,
    lastTickAtMs: Math.max(earlier.lastTickAtMs, later.lastTickAtMs),
  };
}

export function sumOfTrade(trade: Trade): Sum {
  const { price, volume } = trade;
  return {
    open: price,
    high: price,
    low: price,
    close: price,
    volume,
    askVolume: trade.side === "ASK" ? volume : 0n,
    turnover: price * volume,
    lastTickAtMs: trade.storedMs,
  };
}

/** Trades in order of (time, sequential id). */
export function sumOfTrades(trades: Iterable<Trade>): Sum | undefined {
  let sum: Sum | undefined;
  for (const trade of trades) sum = join(sum, sumOfTrade(trade));
  return sum;
}
