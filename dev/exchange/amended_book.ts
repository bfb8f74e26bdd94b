import { bucketStartMs } from "./calendar.ts";
import { type Book, type Counted, type Name, nothing, type Traded } from "./book.ts";
import type { Extremes } from "./extremes.ts";
import { join, type Sum, sumOfTrades, type Trade } from "./sum.ts";

/** A stretch in which a market, or all (null), did not trade. */
interface Halt {
  readonly market: string | null;
  readonly sinceMs: number;
  untilMs: number;
}

interface Window {
  sinceMs: number;
  readonly untilMs: number;
  volume: bigint;
  turnover: bigint;
}

/** A close can change no more: corrections reach back a minute. */
const settledMs = 120_000;
const haltsMax = 1000;
const removedMax = 10_000;

/**
 * A book as it becomes while it is open: trades that were taken out again, times when nobody could trade, markets that were
 * taken off. Every view of it, the ledger included, tells the amended truth from then on. The extremes of past days alone stay.
 */
export class AmendedBook implements Book {
  readonly kind: Book["kind"];
  readonly #base: Book;
  readonly #halts: Halt[] = [];
  /** By market: ids of the trades taken out, and the ms they were in. */
  readonly #removed = new Map<string, { ids: Set<string>; timesMs: Set<number> }>();
  #removedCount = 0;
  /** By market: what `traded` answered last. */
  readonly #windows = new Map<string, Window>();
  /** By market: the close before the day that was asked for last. */
  readonly #closes = new Map<string, { dayStartMs: number; close: bigint | null }>();

  constructor(base: Book) {
    this.#base = base;
    this.kind = base.kind;
  }

  /**
   * Nobody trades, or the market does not, in [sinceMs, untilMs).
   *
   * @returns ends it earlier
   * @throws RangeError beyond a thousand
   */
  halt(market: string | null, sinceMs: number, untilMs: number): (untilMs: number) => void {
    if (this.#halts.length >= haltsMax) throw new RangeError(`over ${haltsMax} halts`);
    const halt = { market, sinceMs, untilMs };
    this.#halts.push(halt);
    return (untilMs) => halt.untilMs = Math.min(halt.untilMs, Math.max(sinceMs, untilMs));
  }

  /** Takes trades of one market out, as if they had never been. @throws RangeError beyond ten thousand */
  remove(market: string, trades: readonly Trade[]): void {
    this.#removedCount += trades.length;
    if (this.#removedCount > removedMax) {
      throw new RangeError(`over ${removedMax} trades taken out`);
    }
    let removed = this.#removed.get(market);
    if (removed === undefined) {
      this.#removed.set(market, removed = { ids: new Set(), timesMs: new Set() });
    }
    for (const { sequentialId, timeMs } of trades) {
      removed.ids.add(sequentialId);
      removed.timesMs.add(timeMs);
    }
  }

  has(market: string): boolean {
    return this.#base.has(market);
  }

  names(atMs: number): readonly Name[] {
    const off = this.#halts.filter(({ market, sinceMs, untilMs }) =>
      market !== null && sinceMs <= atMs && atMs < untilMs
    );
    if (off.length === 0) return this.#base.names(atMs);
    return this.#base.names(atMs).filter((name) => !off.some((h) => h.market === name.market));
  }

  trades(market: string, sinceMs: number, untilMs: number): Trade[] {
    return this.#kept(this.#base.trades(market, sinceMs, untilMs));
  }

  counted(sinceMs: number, untilMs: number): Counted[] {
    const counted = this.#base.counted(sinceMs, untilMs);
    if (this.#halts.length === 0 && this.#removed.size === 0) return counted;
    // A millisecond that something was taken out of is told by what is left in it.
    const amended = new Map<string, Counted>();
    const rest = counted.filter((one) => {
      if (this.#removed.get(one.market)?.timesMs.has(one.timeMs)) {
        amended.set(`${one.market} ${one.timeMs}`, one);
        return false;
      }
      return this.#haltOf(one) === undefined;
    });
    for (const { market, timeMs } of amended.values()) {
      rest.push(
        ...this.trades(market, timeMs, timeMs + 1)
          .filter(({ countedMs }) => countedMs >= sinceMs && countedMs < untilMs),
      );
    }
    return rest;
  }

  sum(market: string, sinceMs: number, untilMs: number, asOfMs: number): Sum | undefined {
    const halts = this.#halts.filter((halt) =>
      concerns(halt, market) && halt.sinceMs < untilMs && halt.untilMs > sinceMs
    );
    const timesMs = [...this.#removed.get(market)?.timesMs ?? []].filter((timeMs) =>
      sinceMs <= timeMs && timeMs < untilMs
    );
    if (halts.length === 0 && timesMs.length === 0) {
      return this.#base.sum(market, sinceMs, untilMs, asOfMs);
    }
    let sum: Sum | undefined;
    const add = (fromMs: number, toMs: number) => {
      if (fromMs < toMs) sum = join(sum, this.#base.sum(market, fromMs, toMs, asOfMs));
    };
    // Stretches that the base may sum as they are lie between halts and the milliseconds something was taken out of.
    const holes = [
      ...halts,
      ...timesMs.map((timeMs) => ({ sinceMs: timeMs, untilMs: timeMs + 1 })),
    ].sort((a, b) => a.sinceMs - b.sinceMs);
    let atMs = sinceMs;
    for (const hole of holes) {
      add(atMs, hole.sinceMs);
      if (!("market" in hole) && hole.sinceMs >= atMs) {
        const trades = this.trades(market, hole.sinceMs, hole.untilMs);
        sum = join(sum, sumOfTrades(trades.filter(({ countedMs }) => countedMs <= asOfMs)));
      }
      atMs = Math.max(atMs, hole.untilMs);
    }
    add(atMs, untilMs);
    return sum;
  }

  /** Where nothing can change any more, only what slid out since the last question is summed. */
  traded(market: string, sinceMs: number, untilMs: number, asOfMs: number): Traded {
    const known = this.#windows.get(market);
    if (known?.untilMs === untilMs && known.sinceMs <= sinceMs && sinceMs <= untilMs) {
      const out = this.sum(market, known.sinceMs, sinceMs, asOfMs) ?? nothing;
      known.sinceMs = sinceMs;
      known.volume -= out.volume;
      known.turnover -= out.turnover;
      return known;
    }
    const { volume, turnover } = this.sum(market, sinceMs, untilMs, asOfMs) ?? nothing;
    const settled = asOfMs - untilMs > settledMs;
    if (settled) this.#windows.set(market, { sinceMs, untilMs, volume, turnover });
    return { volume, turnover };
  }

  lastTrade(market: string, beforeMs: number, asOfMs: number): Trade | undefined {
    let edgeMs = beforeMs;
    for (;;) {
      const last = this.#base.lastTrade(market, edgeMs, asOfMs);
      if (last === undefined || this.#keeps(last)) return last;
      const sameMs = this.trades(market, last.timeMs, last.timeMs + 1);
      const before = sameMs.findLast(({ countedMs }) => countedMs <= asOfMs);
      if (before !== undefined) return before;
      edgeMs = this.#haltOf(last)?.sinceMs ?? last.timeMs;
    }
  }

  previousClose(market: string, atMs: number, asOfMs: number): bigint | null {
    if (this.kind === "replay") return this.#base.previousClose(market, atMs, asOfMs);
    const dayStartMs = bucketStartMs("d", atMs);
    const known = this.#closes.get(market);
    if (known?.dayStartMs === dayStartMs) return known.close;
    const close = this.lastTrade(market, dayStartMs, asOfMs)?.price ?? null;
    if (asOfMs - dayStartMs > settledMs) this.#closes.set(market, { dayStartMs, close });
    return close;
  }

  extremes(market: string, dayStartMs: number): Extremes | null {
    return this.#base.extremes(market, dayStartMs);
  }

  #kept(trades: Trade[]): Trade[] {
    if (this.#halts.length === 0 && this.#removed.size === 0) return trades;
    return trades.filter((trade) => this.#keeps(trade));
  }

  #keeps(trade: Trade): boolean {
    return !this.#removed.get(trade.market)?.ids.has(trade.sequentialId) &&
      this.#haltOf(trade) === undefined;
  }

  #haltOf({ market, timeMs }: Pick<Trade, "market" | "timeMs">): Halt | undefined {
    return this.#halts.find((halt) =>
      concerns(halt, market) && halt.sinceMs <= timeMs && timeMs < halt.untilMs
    );
  }
}

function concerns(halt: Halt, market: string): boolean {
  return halt.market === null || halt.market === market;
}
