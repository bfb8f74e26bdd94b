import { backoffMs, type BackoffPlan } from "#core/backoff.ts";
import type { CandlePage } from "#core/candle_page.ts";
import type { CandleEvent } from "#core/event/candle_event.ts";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { bucketStartMs, type Interval } from "#core/interval.ts";
import { sleep } from "#core/lifecycle.ts";
import type { Market } from "#core/market.ts";
import type { CandleSeries } from "./candle_series.ts";
import type { FeedRows } from "./feed_rows.ts";
import { RollupRows } from "./rollup_rows.ts";
import { SecondRows } from "./second_rows.ts";

export interface FeedPorts {
  /** The newest rows, or those before `toMs` (exclusive). */
  readonly fetchPage: (toMs: number | null, signal: AbortSignal) => Promise<CandlePage>;
  readonly chance: () => number;
  readonly onChange: () => void;
}

/** A time of which we do not know the rows: drawn as such, never as seconds without trades. */
export interface Unknown {
  readonly sinceMs: number;
  readonly untilMs: number;
}

const BACKOFF: BackoffPlan = { firstMs: 250, maxMs: 4_000 };

/** So many pages are fetched to close the hole that an absence left; for a longer one what is older gives way. */
const HEALING_PAGES_MAX = 4;

/** A second may be revised for so long after its end: what is younger at a loss counts as not known. */
const LATENESS_MS = 60_000;

/** The newest page is asked for out of turn at most once in this time, ms. */
const REFRESH_MS_MIN = 15_000;

/**
 * Fills one market's series. There is one way for a first connection, a reconnect, another replica and a slept tab:
 * subscribe, take the tail, then fetch pages until they reach back to what is held and forward to where the tail begins.
 * Revisions make every overlap harmless.
 */
export class CandleFeed {
  readonly market: Market;
  readonly interval: Interval;
  readonly #rows: FeedRows;
  readonly #ports: FeedPorts;
  /** Up to here (ms, row starts) the series has no hole that is not named by `unknown`. Null before the first page. */
  #soundUntilMs: number | null = null;
  #state: FeedState = { kind: "loading" };
  #unknown: Unknown | null = null;
  #moreBefore = true;
  #pagingBack = false;
  /** Whether the newest rows gave way to older ones: then nothing live is appended behind the hole. */
  #detached = false;
  #connection: AbortSignal = AbortSignal.abort();
  #refreshedAtMs = 0;

  constructor(
    market: Market,
    interval: Interval,
    ports: FeedPorts,
    rows: FeedRows = interval === "1s" ? new SecondRows() : new RollupRows(market, interval),
  ) {
    this.market = market;
    this.interval = interval;
    this.#rows = rows;
    this.#ports = ports;
  }

  get series(): CandleSeries {
    return this.#rows.series;
  }

  get state(): FeedState {
    return this.#state;
  }

  get unknown(): Unknown | null {
    return this.#unknown;
  }

  get moreBefore(): boolean {
    return this.#moreBefore;
  }

  get detached(): boolean {
    return this.#detached;
  }

  get pagingBack(): boolean {
    return this.#pagingBack;
  }

  /**
   * A connection began: takes its tail and closes the hole before it. Never rejects; failed requests are repeated until
   * the connection's signal aborts.
   *
   * @param sinceMs every second received from then on (ms, ingest's clock) is in the tail or follows
   */
  async begin(
    sinceMs: number,
    candles: readonly CandleEvent[],
    signal: AbortSignal,
    rollups: readonly PostgresCandleEvent[] = [],
  ): Promise<void> {
    this.#connection = signal;
    if (this.#detached) this.#restart();
    const soundUntilMs = this.#soundUntilMs;
    if (soundUntilMs !== null) {
      const untilMs = candles[0]?.startsAtMs ?? sinceMs;
      this.#unknown = untilMs > soundUntilMs ? { sinceMs: soundUntilMs, untilMs } : null;
    }
    this.#set({ kind: soundUntilMs === null ? "loading" : "catching-up" });
    this.#rows.begin();
    for (const rollup of rollups) {
      if (rollup.interval === this.interval && this.#isWithin(rollup.startsAtMs)) {
        this.#rows.rollup(rollup);
      }
    }
    for (const candle of candles) {
      if (this.#isWithin(bucketStartMs(this.interval, candle.startsAtMs))) {
        this.#rows.second(candle);
      }
    }
    this.#ports.onChange();
    const page = await this.#untilKnown(sinceMs, signal);
    if (page === null) return;
    // a tail may hold a late second from before the page: alone in front of it, it would look like a quiet market
    const firstMs = page.columns.starts_at_ms[0];
    if (soundUntilMs === null && page.more && firstMs !== undefined) {
      this.series.dropBefore(firstMs);
    }
    await this.#closeHole(page, soundUntilMs, signal);
    if (signal.aborted) return;
    this.#unknown = null;
    this.#sound();
    this.#set({ kind: "live" });
  }

  /** A second arrived. */
  put(candle: CandleEvent): void {
    const live = this.#state.kind === "live";
    if (
      this.#isWithin(bucketStartMs(this.interval, candle.startsAtMs)) && this.#rows.second(candle)
    ) {
      if (live) this.#sound();
      this.#ports.onChange();
    }
    if (live && this.#rows.wantsPage(candle.receivedAtMs)) void this.#refresh(candle.receivedAtMs);
  }

  /** A stored roll-up arrived. */
  putRollup(candle: PostgresCandleEvent): void {
    if (!this.#isWithin(candle.startsAtMs) || !this.#rows.rollup(candle)) return;
    if (this.#state.kind === "live") this.#sound();
    this.#ports.onChange();
  }

  /** What lies before the held rows comes by paging, what lies behind newest rows that gave way by a new beginning. */
  #isWithin(startsAtMs: number): boolean {
    const { first, last } = this.series;
    if (first !== undefined && this.#moreBefore && startsAtMs < first.startsAtMs) return false;
    return !this.#detached || (last !== undefined && startsAtMs <= last.startsAtMs);
  }

  /** Asks for the newest page once, out of turn. */
  async #refresh(nowMs: number): Promise<void> {
    if (nowMs - this.#refreshedAtMs < REFRESH_MS_MIN || this.#detached) return;
    this.#refreshedAtMs = nowMs;
    const signal = this.#connection;
    const page = await this.#ports.fetchPage(null, signal).catch(() => null); // asked again, in turn
    if (page === null || signal.aborted || this.#detached) return;
    this.#rows.page(page);
    this.#ports.onChange();
  }

  /** Fetches the page before the oldest row; at the limit the newest rows give way. Repeated calls while one is under way do nothing. */
  async pageBack(signal: AbortSignal): Promise<void> {
    const first = this.series.first;
    if (this.#pagingBack || !this.#moreBefore || first === undefined) return;
    if (this.#state.kind === "loading") return;
    this.#pagingBack = true;
    this.#ports.onChange();
    try {
      const page = await this.#fetchUntilAnswered(first.startsAtMs, signal);
      if (page === null) return;
      const last = this.series.last?.startsAtMs;
      this.#moreBefore = page.more;
      this.#rows.page(page, "newest");
      if (this.series.last?.startsAtMs !== last) this.#detached = true;
    } finally {
      this.#pagingBack = false;
      this.#ports.onChange();
    }
  }

  /** Forgets what is held, so that the next beginning starts anew. */
  #restart(): void {
    this.#rows.clear();
    this.#detached = false;
    this.#moreBefore = true;
    this.#soundUntilMs = null;
    this.#unknown = null;
  }

  /** The newest page that reaches to where the tail begins; null when the connection ended first. */
  async #untilKnown(sinceMs: number, signal: AbortSignal): Promise<CandlePage | null> {
    for (let attempt = 1;; attempt++) {
      const page = await this.#fetchUntilAnswered(null, signal);
      if (page === null) return null;
      this.#rows.page(page);
      this.#ports.onChange();
      if (page.known_until_ms >= sinceMs) return page;
      this.#set({ kind: "catching-up" });
      await sleep(backoffMs(BACKOFF, attempt, this.#ports.chance()), signal);
    }
  }

  /** Pages back until what was sound before is reached. What lies behind a hole too long for that gives way. */
  async #closeHole(
    newest: CandlePage,
    soundUntilMs: number | null,
    signal: AbortSignal,
  ): Promise<void> {
    let page = newest;
    let firstMs = page.columns.starts_at_ms[0] ?? Infinity;
    if (soundUntilMs !== null) {
      for (let pages = 1; page.more && firstMs > soundUntilMs - LATENESS_MS; pages++) {
        if (pages >= HEALING_PAGES_MAX) {
          this.series.dropBefore(firstMs);
          this.#moreBefore = true;
          return;
        }
        const next = await this.#fetchUntilAnswered(firstMs, signal);
        if (next === null) return;
        this.#rows.page(next);
        page = next;
        firstMs = page.columns.starts_at_ms[0] ?? firstMs;
        this.#unknown = { sinceMs: soundUntilMs, untilMs: firstMs };
        this.#ports.onChange();
      }
    }
    if (this.series.first === undefined || firstMs <= this.series.first.startsAtMs) {
      this.#moreBefore = page.more;
    }
  }

  async #fetchUntilAnswered(
    toMs: number | null,
    signal: AbortSignal,
  ): Promise<CandlePage | null> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        const page = await this.#ports.fetchPage(toMs, signal);
        return signal.aborted ? null : page;
      } catch (error) {
        if (signal.aborted) return null;
        const message = error instanceof Error ? error.message : String(error);
        this.#set({ kind: "failed", message, hadRows: this.series.length > 0 });
        await sleep(backoffMs(BACKOFF, attempt, this.#ports.chance()), signal);
      }
    }
    return null;
  }

  #sound(): void {
    const last = this.series.last;
    if (last !== undefined) this.#soundUntilMs = last.startsAtMs;
  }

  #set(state: FeedState): void {
    this.#state = state;
    this.#ports.onChange();
  }
}

export type FeedState =
  | { readonly kind: "loading" }
  | { readonly kind: "catching-up" }
  | { readonly kind: "live" }
  /** The last request failed; it is being repeated. */
  | { readonly kind: "failed"; readonly message: string; readonly hadRows: boolean };
