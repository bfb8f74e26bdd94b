import { type Book, type Counted, type Name, nothing, type Traded } from "./book.ts";
import { bucketStartMs, dayMs } from "./calendar.ts";
import { daysBefore, type Extremes, extremesOf, type Reach } from "./extremes.ts";
import { Limited } from "./limited.ts";
import { type Listing, listings, newListing, type Quote } from "./listing.ts";
import { normal, unit } from "./random.ts";
import { countedOfSpan, type Part, type Span, sumOfSpan, tradesOfSpan, View } from "./span.ts";
import { join, type Sum, type Trade } from "./sum.ts";
import { endOf, lateMsMax, recordTape, type Tape } from "./tape.ts";
import { scale, tickUnits } from "./ticks.ts";
import { tradeCount } from "./trade_count.ts";
import { dayBounds, type Market, marketOf, priceOf, reachOf, spanStart } from "./traded_market.ts";

export interface SimulatedSettings {
  readonly seed: number;
  /** How many markets of each quote, busiest first. */
  readonly markets: Readonly<Partial<Record<Quote, number>>>;
  /** Multiplies every market's trades, 0.01 … 100. */
  readonly rate: number;
  /** Share of trades that are counted after their second was first sent. */
  readonly lateShare: number;
}

const tapesPerCount = 16;
/** Memory: about 21 bytes a trade of a tape, 4 a trade of a view. */
const tapeTradesMax = 3_000_000;
const viewTradesMax = 3_000_000;
const wholesMax = 200_000;
const closedKept = 16;
const recentKept = 8;
const daySumsMax = 50_000;

/**
 * An exchange that never was: its trades of any stretch of time are a function of seed, market and time alone, so two runs,
 * or two questions about one range, agree, and there is a history before the start.
 *
 * Cost: a span is placed in about 1 µs once its tape exists; a candle of a month is 720 spans.
 */
export class SimulatedBook implements Book {
  readonly kind = "simulator";
  readonly #settings: SimulatedSettings;
  readonly #markets = new Map<string, Market>();
  readonly #tapes = new Limited<number, Tape>(tapeTradesMax, (tape) => tape.timeMs.length);
  readonly #views = new Limited<number, View>(viewTradesMax, (view) => view.ticks.length + 50);
  readonly #wholes = new Limited<number, Part>(wholesMax, () => 1);
  readonly #days = new Limited<string, Sum | null>(daySumsMax, () => 1);

  constructor(settings: SimulatedSettings) {
    this.#settings = settings;
    for (const [quote, count] of Object.entries(settings.markets)) {
      for (const listing of listings(settings.seed, quote as Quote, count)) {
        this.#markets.set(listing.market, marketOf(settings.seed, listing, settings.rate));
      }
    }
  }

  /**
   * Lists a market that trades from the moment on.
   *
   * @throws RangeError where there is one of that name already
   */
  list(market: string, atMs: number): void {
    if (this.#markets.has(market)) throw new RangeError(`${market} is listed already`);
    const { seed, rate } = this.#settings;
    this.#markets.set(market, marketOf(seed, newListing(seed, market, atMs), rate));
  }

  has(market: string): boolean {
    return this.#markets.has(market);
  }

  names(atMs: number): readonly Name[] {
    return [...this.#markets.values()].map((m) => m.listing).filter((l) => l.listedAtMs <= atMs);
  }

  listing(market: string): Listing | undefined {
    return this.#markets.get(market)?.listing;
  }

  trades(market: string, sinceMs: number, untilMs: number): Trade[] {
    const found = this.#markets.get(market);
    if (found === undefined) return [];
    const trades: Trade[] = [];
    const fromMs = Math.max(sinceMs, found.listing.listedAtMs);
    for (let atMs = spanStart(found, fromMs); atMs < untilMs; atMs += found.spanMs) {
      trades.push(...tradesOfSpan(market, this.#span(found, atMs), fromMs, untilMs));
    }
    return trades;
  }

  counted(sinceMs: number, untilMs: number): Counted[] {
    const counted: Counted[] = [];
    for (const [market, found] of this.#markets) {
      const fromMs = Math.max(sinceMs - 1000 - lateMsMax, found.listing.listedAtMs);
      for (let atMs = spanStart(found, fromMs); atMs < untilMs; atMs += found.spanMs) {
        for (const one of countedOfSpan(market, this.#span(found, atMs), sinceMs, untilMs)) {
          if (one.timeMs >= fromMs) counted.push(one);
        }
      }
    }
    return counted;
  }

  sum(market: string, sinceMs: number, untilMs: number, asOfMs: number): Sum | undefined {
    const found = this.#markets.get(market);
    if (found === undefined) return undefined;
    const endMs = Math.min(untilMs, asOfMs + 1);
    const fromMs = Math.max(sinceMs, found.listing.listedAtMs);
    let atMs = spanStart(found, fromMs);
    let sum: Sum | undefined;
    if (atMs < fromMs && atMs < endMs) {
      sum = sumOfSpan(this.#span(found, atMs), fromMs, untilMs, asOfMs);
      atMs += found.spanMs;
    }
    const closedMs = spanStart(found, Math.min(untilMs, asOfMs - lateMsMax));
    if (closedMs - atMs > found.spanMs) {
      sum = join(sum, this.#closed(found, atMs, closedMs));
      atMs = closedMs;
    }
    for (; atMs < endMs; atMs += found.spanMs) {
      sum = join(sum, sumOfSpan(this.#span(found, atMs), sinceMs, untilMs, asOfMs));
    }
    return sum;
  }

  traded(market: string, sinceMs: number, untilMs: number, asOfMs: number): Traded {
    return this.sum(market, sinceMs, untilMs, asOfMs) ?? nothing;
  }

  lastTrade(market: string, beforeMs: number, asOfMs: number): Trade | undefined {
    const found = this.#markets.get(market);
    if (found === undefined) return undefined;
    const endMs = Math.min(beforeMs, asOfMs + 1);
    let atMs = spanStart(found, endMs - 1);
    for (; atMs + found.spanMs > found.listing.listedAtMs; atMs -= found.spanMs) {
      const span = this.#span(found, atMs);
      if (span.whole === undefined) continue;
      const view = span.view();
      const { timeMs, countedMs } = view.tape;
      for (let i = view.indexAt(endMs - atMs) - 1; i >= 0; i--) {
        if (atMs + countedMs[i]! > asOfMs) continue;
        const tradeMs = atMs + timeMs[i]!;
        if (tradeMs < found.listing.listedAtMs) return undefined;
        const sameMs = tradesOfSpan(market, span, tradeMs, tradeMs + 1);
        return sameMs[i - view.indexAt(timeMs[i]!)]!;
      }
    }
    return undefined;
  }

  previousClose(market: string, atMs: number, asOfMs: number): bigint | null {
    return this.lastTrade(market, bucketStartMs("d", atMs), asOfMs)?.price ?? null;
  }

  extremes(market: string, dayStartMs: number): Extremes | null {
    const found = this.#markets.get(market);
    if (found === undefined) return null;
    if (found.extremes?.dayStartMs !== dayStartMs) {
      const days = daysBefore(dayStartMs, found.listing.listedAtMs);
      const bounds = days.map((atMs) => dayBounds(found, atMs));
      const value = extremesOf(bounds, (atMs, best) => this.#reach(found, atMs, best));
      found.extremes = { dayStartMs, value };
    }
    return found.extremes.value;
  }

  /** How far a day's prices went. Spans that cannot pass the best so far are not looked into: their tapes need not exist. */
  #reach(market: Market, startMs: number, best: Extremes | null): Reach | undefined {
    const { listing, path, spanMs } = market;
    const reach = reachOf(listing, spanMs);
    let [low, high] = best === null ? [Infinity, 0] : [best.low, best.high].map(priceOf);
    let sum: Sum | undefined;
    const within = (least: number, most: number) => {
      const ticks = 2 * priceOf(tickUnits(listing.market, most * 1.5));
      return most + most * reach + ticks < high! && least - least * reach - ticks > low!;
    };
    const look = (sinceMs: number, spans: number) => {
      if (spans > 1) {
        // Of a stretch that cannot pass as a whole no span can.
        const bounds = path.bounds(sinceMs, sinceMs + spans * spanMs);
        if (within(bounds.low, bounds.high)) return;
        const part = Math.ceil(spans / 6);
        for (let i = 0; i < spans; i += part) look(sinceMs + i * spanMs, Math.min(part, spans - i));
        return;
      }
      const from = path.at(sinceMs);
      if (within(from, from)) return;
      const span = sumOfSpan(this.#place(market, sinceMs), sinceMs, Infinity, Infinity);
      if (span === undefined) return;
      sum = join(sum, span);
      [low, high] = [Math.min(low!, priceOf(span.low)), Math.max(high!, priceOf(span.high))];
    };
    look(startMs, dayMs / spanMs);
    return sum;
  }

  /** Sum of whole spans in which nothing changes any more. A forming candle asks for the same start again and again. */
  #closed(market: Market, sinceMs: number, untilMs: number): Sum | undefined {
    const known = market.closed.get(sinceMs);
    let [sum, atMs] = known !== undefined && known.untilMs <= untilMs
      ? [known.sum, known.untilMs]
      : [undefined, sinceMs];
    while (atMs < untilMs) {
      const wholeDay = atMs % dayMs === 0 && atMs + dayMs <= untilMs;
      const span = wholeDay ? undefined : this.#place(market, atMs);
      sum = join(
        sum,
        span === undefined ? this.#day(market, atMs) : sumOfSpan(span, atMs, Infinity, Infinity),
      );
      atMs += wholeDay ? dayMs : market.spanMs;
    }
    if (market.closed.size >= closedKept) market.closed.delete(market.closed.keys().next().value!);
    market.closed.delete(sinceMs);
    market.closed.set(sinceMs, { untilMs, sum });
    return sum;
  }

  #day(market: Market, startMs: number): Sum | undefined {
    const key = `${market.listing.market} ${startMs}`;
    const sum = this.#days.get(key, () => {
      let day: Sum | undefined;
      for (let atMs = startMs; atMs < startMs + dayMs; atMs += market.spanMs) {
        const span = this.#place(market, atMs);
        day = join(day, sumOfSpan(span, atMs, atMs + market.spanMs, Infinity));
      }
      return day ?? null;
    });
    return sum ?? undefined;
  }

  /** The newest few spans of a market are at hand: live sending and forming candles ask for them again and again. */
  #span(market: Market, startMs: number): Span {
    const { recent } = market;
    let span = recent.get(startMs);
    if (span === undefined) {
      span = this.#place(market, startMs);
      if (recent.size >= recentKept) recent.delete(recent.keys().next().value!);
      recent.set(startMs, span);
    }
    return span;
  }

  #place({ listing, seed, path, spanMs }: Market, startMs: number): Span {
    const index = startMs / spanMs;
    const count = tradeCount(listing, seed, this.#settings.rate, startMs, spanMs);
    const from = path.at(startMs);
    const move = path.at(startMs + spanMs) - from;
    const volatility = listing.volatility * Math.sqrt(spanMs / dayMs);
    // One tick for the span: that of the highest price it can reach, which lies on the grid of every lower price too.
    const tick = tickUnits(listing.market, (from + Math.abs(move)) * (1 + 5 * volatility));
    const tickPrice = Number(tick) / Number(scale);
    const base = Math.max(1, Math.round(from / tickPrice));
    // Strengths come in half powers of two, so that views are shared.
    const typical = Math.min((from * volatility) / tickPrice, base / 5);
    const level = Math.round(2 * Math.log2(typical));
    const strength = Math.sqrt(2 ** level);
    const wanted = move / tickPrice / strength;
    const rank = nearestRank(Math.abs(wanted), unit(seed, index, 3));
    const size = listing.tradeSize * Math.exp(0.35 * normal(seed, index, 4));
    const factor = BigInt(Math.max(1, Math.round((size / from / 8000) * Number(scale))));
    const tapeKey = (count * 4096 + spanMs / 1000) * tapesPerCount + rank;
    const viewKey = (tapeKey * 128 + level + 64) * 2 + (wanted < 0 ? 1 : 0);
    const view = () =>
      this.#views.get(viewKey, () => {
        const tape = this.#tapes.get(tapeKey, () => {
          const { seed, lateShare } = this.#settings;
          return recordTape(seed, count, rank, tapesPerCount, spanMs, lateShare);
        });
        return new View(tape, wanted < 0 ? -strength : strength);
      });
    const whole = count === 0
      ? undefined
      : this.#wholes.get(viewKey, () => view().part(0, count, Infinity)!);
    return { startMs, lengthMs: spanMs, whole, view, base, tick, factor };
  }
}

/** One of the tapes that end nearest to where the price has to go. */
function nearestRank(distance: number, chance: number): number {
  let rank = 0;
  while (rank < tapesPerCount - 1 && endOf(rank + 1, tapesPerCount) < distance) rank++;
  const shifted = rank + Math.floor(chance * 3) - 1;
  return Math.min(tapesPerCount - 1, Math.max(0, shifted));
}
