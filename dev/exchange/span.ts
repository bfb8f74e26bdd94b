import type { Counted } from "./book.ts";
import { lateMsMax, type Tape } from "./tape.ts";
import type { Sum, Trade } from "./sum.ts";

/**
 * A tape at a strength: prices in whole ticks from the base. Sums are exact whole numbers in doubles (volumes ≤ 2²² of at most
 * 2¹⁶ trades, moves of at most 2¹⁵ ticks: below 2⁵³).
 */
export class View {
  readonly tape: Tape;
  /** Ticks from the base, a trade. */
  readonly ticks: Int32Array;

  /** @param strength ticks a typical span's move has; negative: the tape upside down */
  constructor(tape: Tape, strength: number) {
    this.tape = tape;
    this.ticks = new Int32Array(tape.timeMs.length);
    // Buyers take from the ask, a tick above: a coarse grid then shows the bounce between two prices that it shows in life.
    for (let i = 0; i < this.ticks.length; i++) {
      this.ticks[i] = Math.floor(strength * tape.move[i]! + 0.5) + tape.bought[i]!;
    }
  }

  /** Index of the first trade at or after the time. */
  indexAt(offsetMs: number): number {
    const times = this.tape.timeMs;
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (times[middle]! < offsetMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Sums of the trades [from, to) that are counted by the time; undefined where there is none. */
  part(from: number, to: number, countedByMs: number): Part | undefined {
    const { volume, bought, storedMs, countedMs } = this.tape;
    const ticks = this.ticks;
    let first = -1;
    let last = -1;
    let high = Number.NEGATIVE_INFINITY;
    let low = Number.POSITIVE_INFINITY;
    let volumeSum = 0;
    let askSum = 0;
    let ticksVolumeSum = 0;
    let storedMax = 0;
    for (let i = from; i < to; i++) {
      if (countedMs[i]! > countedByMs) continue;
      if (first < 0) first = i;
      last = i;
      const tick = ticks[i]!;
      const amount = volume[i]!;
      if (tick > high) high = tick;
      if (tick < low) low = tick;
      volumeSum += amount;
      if (bought[i] === 0) askSum += amount;
      ticksVolumeSum += tick * amount;
      if (storedMs[i]! > storedMax) storedMax = storedMs[i]!;
    }
    if (first < 0) return undefined;
    const [open, close] = [ticks[first]!, ticks[last]!];
    return { open, close, high, low, volumeSum, askSum, ticksVolumeSum, storedMax };
  }
}

/** Sums before base, tick and factor are applied. */
export interface Part {
  readonly open: number;
  readonly close: number;
  readonly high: number;
  readonly low: number;
  readonly volumeSum: number;
  readonly askSum: number;
  readonly ticksVolumeSum: number;
  readonly storedMax: number;
}

/** What one market does in one span: a view of a tape, placed. */
export interface Span {
  readonly startMs: number;
  readonly lengthMs: number;
  /** Sums of the whole tape; undefined: nobody trades. */
  readonly whole: Part | undefined;
  /** The tape's trades: only where single ones are asked for. */
  readonly view: () => View;
  /** Base price in ticks. */
  readonly base: number;
  /** Tick, 10⁻⁸ of the quote currency. */
  readonly tick: bigint;
  /** What a tape's volume is multiplied by, 10⁻⁸ of the base currency. */
  readonly factor: bigint;
}

/** Sum of a span's trades in [sinceMs, untilMs) that are counted by the time. */
export function sumOfSpan(
  span: Span,
  sinceMs: number,
  untilMs: number,
  asOfMs: number,
): Sum | undefined {
  const { startMs, whole } = span;
  if (whole === undefined) return undefined;
  const endMs = startMs + span.lengthMs;
  if (sinceMs <= startMs && untilMs >= endMs && asOfMs >= endMs + lateMsMax) {
    return placed(span, whole);
  }
  const view = span.view();
  const from = view.indexAt(sinceMs - startMs);
  const to = view.indexAt(Math.min(untilMs, asOfMs + 1) - startMs);
  const part = view.part(from, to, asOfMs - startMs);
  return part === undefined ? undefined : placed(span, part);
}

/** The span's trades in [sinceMs, untilMs), in order. */
export function tradesOfSpan(
  market: string,
  span: Span,
  sinceMs: number,
  untilMs: number,
): Trade[] {
  if (span.whole === undefined) return [];
  const { startMs } = span;
  const view = span.view();
  const { tape } = view;
  const trades: Trade[] = [];
  const from = view.indexAt(sinceMs - startMs);
  const to = view.indexAt(untilMs - startMs);
  let sameMs = from;
  for (let i = from; i < to; i++) {
    const timeMs = startMs + tape.timeMs[i]!;
    if (tape.timeMs[i] !== tape.timeMs[sameMs]) sameMs = i;
    trades.push({
      market,
      timeMs,
      storedMs: startMs + tape.storedMs[i]!,
      countedMs: startMs + tape.countedMs[i]!,
      price: BigInt(span.base + view.ticks[i]!) * span.tick,
      volume: BigInt(tape.volume[i]!) * span.factor,
      side: tape.bought[i] === 1 ? "BID" : "ASK",
      sequentialId: `${timeMs}${String(i - sameMs).padStart(4, "0")}`,
    });
  }
  return trades;
}

/** That the span's trades with a count in [sinceMs, untilMs) become countable then. */
export function countedOfSpan(
  market: string,
  span: Span,
  sinceMs: number,
  untilMs: number,
): Counted[] {
  if (span.whole === undefined) return [];
  const { startMs } = span;
  const view = span.view();
  const { timeMs, countedMs } = view.tape;
  const counted: Counted[] = [];
  // A trade is counted after its time, and at most its second and the latest of late ones after it.
  const to = view.indexAt(untilMs - startMs);
  for (let i = view.indexAt(sinceMs - startMs - 1000 - lateMsMax); i < to; i++) {
    const atMs = startMs + countedMs[i]!;
    if (atMs < sinceMs || atMs >= untilMs) continue;
    counted.push({ market, timeMs: startMs + timeMs[i]!, countedMs: atMs });
  }
  return counted;
}

function placed(span: Span, part: Part): Sum {
  const { base, tick, factor } = span;
  const volume = BigInt(part.volumeSum);
  return {
    open: BigInt(base + part.open) * tick,
    high: BigInt(base + part.high) * tick,
    low: BigInt(base + part.low) * tick,
    close: BigInt(base + part.close) * tick,
    volume: volume * factor,
    askVolume: BigInt(part.askSum) * factor,
    turnover: (BigInt(base) * volume + BigInt(part.ticksVolumeSum)) * tick * factor,
    lastTickAtMs: span.startMs + part.storedMax,
  };
}
