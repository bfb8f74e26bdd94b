import { Chance, mix } from "./random.ts";

/**
 * One span (an hour, less at a high rate) of trades without a market: when, how much, which side, and how the price moves, in
 * units of a span's typical move. A market-span is a tape with a base price, a tick, a strength and a volume factor, so a span's
 * sums follow from the tape's sums, and a month of a busy market costs 720 of them and not 10 million trades.
 */
export interface Tape {
  /** Trade time after the span's start, ascending. */
  readonly timeMs: Uint32Array;
  /** When the exchange stored the trade, after the span's start: the candle's `timestamp`. */
  readonly storedMs: Uint32Array;
  /** When the exchange counts it, after the span's start: later than the candle's first sending for a late trade. */
  readonly countedMs: Uint32Array;
  /** Price displacement from the span's start. */
  readonly move: Float32Array;
  /** Volume before the market's factor, 1 … 2²². */
  readonly volume: Uint32Array;
  /** 1: the taker bought (BID), 0: sold (ASK). */
  readonly bought: Uint8Array;
}

/** A first sending comes this long after a second's end (measured on the exchange: 1.007–1.009 s after its start). */
export const firstSendAfterEndMs = 7;
/** A late trade is counted at most this long after its second's end (the recorded trades: 1.55 s). */
export const lateMsMax = 1500;

/** No trade moves further than this from its span's start: what a day's price can reach has a bound. */
export const moveMax = 3;

/**
 * @param count trades on the tape
 * @param rank 0 … ranks − 1; the higher, the further the price has moved by the end
 * @param lateShare share of trades that are counted late; the trades themselves do not depend on it
 */
export function recordTape(
  seed: number,
  count: number,
  rank: number,
  ranks: number,
  spanMs: number,
  lateShare: number,
): Tape {
  const chance = new Chance(mix(seed, count, rank, spanMs));
  const moments = burstMoments(chance, count, spanMs);
  const tape: Tape = {
    timeMs: new Uint32Array(count),
    storedMs: new Uint32Array(count),
    countedMs: new Uint32Array(count),
    move: new Float32Array(count),
    volume: new Uint32Array(count),
    bought: new Uint8Array(count),
  };
  let walk = 0;
  let storedMs = 0;
  let beforeMs = 0;
  for (let i = 0; i < count; i++) {
    const timeMs = Math.floor(moments[i]! / 2);
    walk += chance.normal() * Math.sqrt((timeMs - beforeMs) / spanMs);
    beforeMs = timeMs;
    const sendMs = (Math.floor(timeMs / 1000) + 1) * 1000 + firstSendAfterEndMs;
    // In order, and before the second is sent; so a trade of a second's last moments may be stored after its end.
    storedMs = Math.min(sendMs - 1, Math.max(storedMs, timeMs + 3 + Math.floor(chance.wait(35))));
    const late = chance.next() < lateShare;
    const lateMs = sendMs + 1 + Math.floor(chance.next() * (lateMsMax - firstSendAfterEndMs - 1));
    const storedLate = chance.next() < 0.5;
    tape.timeMs[i] = timeMs;
    tape.storedMs[i] = late && storedLate ? lateMs : storedMs;
    tape.countedMs[i] = late ? lateMs : storedMs;
    tape.move[i] = walk;
    tape.volume[i] = 1 + Math.min(4_194_303, Math.floor(8000 * Math.exp(chance.normal() * 1.5)));
    tape.bought[i] = moments[i]! % 2;
  }
  // Bent so that it ends at its rank's quantile of a half-normal: a market-span picks the tape that ends at its next base.
  const end = endOf(rank, ranks);
  for (let i = 0; i < count; i++) {
    const part = tape.timeMs[i]! / spanMs;
    const bent = tape.move[i]! + part * (end - walk);
    tape.move[i] = Math.min(moveMax, Math.max(-moveMax, bent));
  }
  return tape;
}

/** Where a tape of the rank ends: quantiles of |normal|, by a logistic approximation. */
export function endOf(rank: number, ranks: number): number {
  const q = (rank + 0.5) / ranks;
  return Math.log((1 + q) / (1 - q)) / 1.702;
}

/** Trade moments in bursts, as takers sweep a book: half-ms codes (time × 2 + side), ascending. */
function burstMoments(chance: Chance, count: number, spanMs: number): Float64Array {
  const moments = new Float64Array(count);
  let made = 0;
  while (made < count) {
    let timeMs = Math.floor(chance.next() * spanMs);
    const side = chance.next() < 0.5 ? 0 : 1;
    do {
      moments[made++] = Math.min(timeMs, spanMs - 1) * 2 + side;
      // Of 299 recorded trades 83 share their millisecond with the one before.
      if (chance.next() > 0.45) timeMs += 1 + Math.floor(chance.wait(45));
    } while (made < count && chance.next() < 0.58);
  }
  return moments.sort();
}
