import type { Book } from "./book.ts";
import { bucketStartMs } from "./calendar.ts";
import type { Clock } from "./clock.ts";
import type { Element } from "./element.ts";
import { firstSendAfterEndMs } from "./tape.ts";
import type { Trade } from "./sum.ts";
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
 * Plays a book to an audience in the exchange's time: a ticker with each trade, when it is counted; on a cycle of one second, at
 * S+1.007 s, the candles that second S changed; and a second's candle again with each trade that is counted after that.
 */
export class Feed {
  readonly #book: Book;
  readonly #clock: Clock;
  readonly #audience: Audience;
  /** All trades counted before this were played. */
  #playedMs: number;

  constructor(book: Book, clock: Clock, audience: Audience) {
    this.#book = book;
    this.#clock = clock;
    this.#audience = audience;
    this.#playedMs = clock.trueMs();
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
      await this.#until(trade.countedMs, signal);
      if (signal.aborted) return;
      this.#trade(trade);
    }
    await this.#until(cycleMs, signal);
    if (!signal.aborted) this.#cycle(cycleMs);
    this.#playedMs = cycleMs;
  }

  #trade(trade: Trade): void {
    const { market, countedMs, timeMs } = trade;
    if (this.#audience.wants("ticker", market)) {
      this.#publish(tickerElement(this.#book, market, countedMs, "REALTIME"));
    }
    const secondMs = bucketStartMs("s", timeMs);
    if (countedMs < secondMs + 1000 + firstSendAfterEndMs) return;
    for (const type of streamUnits.keys()) {
      if (this.#audience.wants(type, market)) {
        this.#publish(candleElement(this.#book, type, market, timeMs, countedMs));
      }
    }
  }

  /** The candles of the second that ended just before. */
  #cycle(atMs: number): void {
    const secondMs = atMs - firstSendAfterEndMs - 1000;
    for (const { market } of this.#book.names(atMs)) {
      if (this.#book.sum(market, secondMs, secondMs + 1000, atMs) === undefined) continue;
      for (const type of streamUnits.keys()) {
        if (this.#audience.wants(type, market)) {
          this.#publish(candleElement(this.#book, type, market, secondMs, atMs));
        }
      }
    }
  }

  #publish(element: Element | undefined): void {
    if (element !== undefined) this.#audience.publish(element);
  }

  async #until(atMs: number, signal: AbortSignal): Promise<void> {
    const ms = this.#clock.realMsUntil(atMs);
    if (ms === 0 || signal.aborted) return;
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
