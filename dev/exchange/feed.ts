import type { Book, Counted } from "./book.ts";
import { bucketStartMs } from "./calendar.ts";
import type { Clock } from "./clock.ts";
import type { Element } from "./element.ts";
import { firstSendAfterEndMs } from "./tape.ts";
import { Turns } from "./turns.ts";
import { candleElement, streamUnits, tickerElement } from "./views.ts";

/** Real ms that the feed plays after; what is further back is not sent. */
const behindMsMax = 60_000;

/** Where the feed's elements go. */
export interface Audience {
  /** Whether anyone listens to the type: what nobody hears is not made. */
  wants(type: string, market: string): boolean;
  publish(element: Element): void;
}

/**
 * How long changes of a ticker are gathered, real ms. The exchange sends tickers "on change", but of KRW-BTC 39–93 in 30–40 s
 * were measured where it trades far oftener: it gathers too.
 */
const tickMs = 100;

/**
 * Plays a book to an audience in the exchange's time: tickers that trades changed; on a cycle of one second, at S+1.007 s, the
 * candles that second S changed; and a second's candle again with trades that are counted after that.
 */
export class Feed {
  readonly #book: Book;
  readonly #clock: Clock;
  readonly #audience: Audience;
  /** All trades counted before this were played. */
  #playedMs: number;
  /** Markets whose ticker changed and was not sent yet. */
  readonly #changed = new Set<string>();
  #tickEndMs = 0;

  constructor(book: Book, clock: Clock, audience: Audience) {
    this.#book = book;
    this.#clock = clock;
    this.#audience = audience;
    this.#playedMs = clock.trueMs();
  }

  /** What was due before this was sent, ms of the exchange's true time: on a starved machine some seconds ago. */
  get playedMs(): number {
    return this.#playedMs;
  }

  /** Sends what a moment of a market changed: its ticker, and the candles that hold the moment. */
  resend(market: string, atMs: number): void {
    const nowMs = this.#clock.trueMs();
    this.#candles(market, atMs, nowMs);
    this.#ticker(market, nowMs);
  }

  /** Until aborted. Wakes for the next thing due and no more. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const nowMs = this.#clock.trueMs();
      // A machine that slept must not play hours: the exchange would not have waited either.
      const behindMs = (nowMs - this.#playedMs) / this.#clock.speed;
      if (behindMs > behindMsMax && this.#book.kind === "simulator") this.#playedMs = nowMs;
      while (this.#playedMs < nowMs && !signal.aborted) {
        await this.#second(this.#playedMs, signal);
      }
      await this.#until(this.#playedMs, signal);
    }
  }

  /** Plays what is due from the moment to the end of its cycle. */
  async #second(sinceMs: number, signal: AbortSignal): Promise<void> {
    const cycleMs = bucketStartMs("s", sinceMs - firstSendAfterEndMs) + 1000 + firstSendAfterEndMs;
    const trades = this.#book.counted(sinceMs, cycleMs);
    trades.sort((a, b) => a.countedMs - b.countedMs);
    for (const trade of trades) {
      // thousands of trades a second: no turn of the loop for each
      if (this.#due(trade.countedMs)) await this.#tickers(trade.countedMs, signal);
      if (this.#audience.wants("ticker", trade.market)) this.#change(trade);
      // Its second was sent without it.
      const lateMs = bucketStartMs("s", trade.timeMs) + 1000 + firstSendAfterEndMs;
      if (trade.countedMs >= lateMs) {
        await this.#until(trade.countedMs, signal);
        this.#candles(trade.market, trade.timeMs, trade.countedMs);
      }
      if (signal.aborted) return;
    }
    await this.#tickers(cycleMs, signal);
    await this.#until(cycleMs, signal);
    if (!signal.aborted) this.#cycle(cycleMs);
    this.#playedMs = cycleMs;
  }

  #change({ market, countedMs }: Counted): void {
    if (this.#changed.size === 0) {
      const gatherMs = Math.max(1, Math.round(tickMs * this.#clock.speed));
      this.#tickEndMs = (Math.floor(countedMs / gatherMs) + 1) * gatherMs;
    }
    this.#changed.add(market);
  }

  #due(byMs: number): boolean {
    return this.#changed.size > 0 && this.#tickEndMs <= byMs;
  }

  /** Sends what was gathered, if its time is over by the moment. */
  async #tickers(byMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#due(byMs)) return;
    await this.#until(this.#tickEndMs, signal);
    const turns = new Turns();
    for (const market of this.#changed) {
      this.#ticker(market, this.#tickEndMs);
      await turns.next(); // a market's first ticker looks through a year
      if (signal.aborted) return;
    }
    this.#changed.clear();
  }

  #ticker(market: string, atMs: number): void {
    if (!this.#audience.wants("ticker", market)) return;
    this.#publish(tickerElement(this.#book, market, atMs, this.#clock.stepMs, "REALTIME"));
  }

  #candles(market: string, timeMs: number, atMs: number): void {
    for (const type of streamUnits.keys()) {
      if (this.#audience.wants(type, market)) {
        this.#publish(candleElement(this.#book, type, market, timeMs, atMs));
      }
    }
  }

  /** The candles of the second that ended just before. */
  #cycle(atMs: number): void {
    const secondMs = atMs - firstSendAfterEndMs - 1000;
    for (const { market } of this.#book.names(atMs)) {
      if (this.#book.sum(market, secondMs, secondMs + 1000, atMs) === undefined) continue;
      this.#candles(market, secondMs, atMs);
    }
  }

  #publish(element: Element | undefined): void {
    if (element !== undefined) this.#audience.publish(element);
  }

  async #until(atMs: number, signal: AbortSignal): Promise<void> {
    const ms = this.#clock.realMsUntil(atMs);
    if (signal.aborted) return;
    // Behind or not, sockets get their turn.
    if (ms === 0) return await new Promise((resolve) => setImmediate(resolve));
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}
