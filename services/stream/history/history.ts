import { Buffer } from "node:buffer";
import { type Database, isTimeout, isTransient } from "#adapters/postgres.ts";
import { Failure, reason } from "#core/failure.ts";
import { type Interval, INTERVALS } from "#core/interval.ts";
import type { CachedPages } from "./cached_pages.ts";
import { type CandleRequest, requestKey } from "./candle_request.ts";
import { type CandleRows, secondsOf } from "./candle_rows.ts";
import {
  partsFilling,
  rollupFilling,
  rollupsShown,
  secondsFilling,
  secondsShown,
  type ShownRows,
} from "./range_fill.ts";
import type { FeedWatch } from "./range_feed_watch.ts";
import type { CandleMeter } from "./range_metrics.ts";
import type { Filling, Lease, RangeStore } from "./range_store.ts";
import { secondsPageJson } from "./page_json.ts";
import { rollupPageJson } from "./rollup_page.ts";
import { type RollupRows, rollupsOf } from "./rollup_rows.ts";
import type { Shown } from "./shown.ts";
import { askedAgain } from "./questions.ts";
import { SingleFlight } from "./single_flight.ts";

/** The intervals that have a history: all. */
export const SERVED_INTERVALS: readonly Interval[] = INTERVALS;

export interface HistoryLimits {
  /** An answer that takes longer is given up, ms. */
  readonly answerMsMax: number;
  /** Different requests under way at a time. */
  readonly requestsMax: number;
}

/** Redis before PostgreSQL. */
export interface HistoryCache {
  readonly pages: CachedPages;
  readonly store: RangeStore;
  readonly feeds: FeedWatch;
  readonly shown: Shown;
  readonly meter: CandleMeter;
}

/**
 * Answers candle requests: the newest rows from Redis where it has them, anything else from PostgreSQL, which then fills Redis.
 * Each question is asked once however many ask it, within a time budget.
 */
export class History {
  readonly #database: Database;
  readonly #limits: HistoryLimits;
  readonly #cache: HistoryCache | null;
  readonly #flights = new SingleFlight<Buffer>();

  /** @param cache null: PostgreSQL alone */
  constructor(database: Database, limits: HistoryLimits, cache: HistoryCache | null = null) {
    this.#database = database;
    this.#limits = limits;
    this.#cache = cache;
  }

  /**
   * @returns JSON of a `CandlePage`, UTF-8
   * @throws Failure `history_busy`, `history_timeout`, `history_unavailable`
   */
  async body(request: CandleRequest): Promise<Buffer> {
    const key = requestKey(request);
    if (!this.#flights.has(key) && this.#flights.size >= this.#limits.requestsMax) {
      throw new Failure(
        "history_busy",
        `${this.#limits.requestsMax} different candle requests are under way; try again in a second`,
      );
    }
    return await this.#flights.run(key, () => this.#cached(request));
  }

  /** The same as text. */
  async page(request: CandleRequest): Promise<string> {
    return (await this.body(request)).toString();
  }

  async #cached(request: CandleRequest): Promise<Buffer> {
    if (this.#cache === null) return Buffer.from(await this.#ask(request, null, []));
    const { pages, store, meter } = this.#cache;
    const cached = await pages.page(request);
    meter.answered(request.interval, cached.why);
    if (cached.body !== null) return cached.body;
    const lease = cached.fill.length === 0 ? null : await store.lease(request.market, cached.fill);
    return Buffer.from(await this.#ask(request, lease, cached.fill));
  }

  async #ask(
    request: CandleRequest,
    lease: Lease | null,
    fill: readonly Interval[],
  ): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const { answerMsMax } = this.#limits;
    try {
      const tooLate = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(timeout(answerMsMax)), answerMsMax);
      });
      return await Promise.race([this.#read(request, lease, fill), tooLate]);
    } catch (error) {
      if (error instanceof Failure) throw error;
      if (isTimeout(error)) throw timeout(answerMsMax, error);
      if (isTransient(error)) {
        throw new Failure(
          "history_unavailable",
          `the history cannot be read now (${reason(error)}); try again in a few seconds`,
          error,
        );
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(
    request: CandleRequest,
    lease: Lease | null,
    fill: readonly Interval[],
  ): Promise<string> {
    return await askedAgain(async () =>
      request.interval === "1s"
        ? await this.#seconds(request, await secondsOf(this.#database, request), lease)
        : await this.#rollups(request, await rollupsOf(this.#database, request), lease, fill)
    );
  }

  async #seconds(request: CandleRequest, rows: CandleRows, lease: Lease | null): Promise<string> {
    const shown = secondsShown(rows, rows.gone);
    await this.#fill(request, "1s", lease, lease && secondsFilling(request, rows, lease), shown);
    this.#cache?.feeds.shown(request.market, rows.known_until_ms);
    return secondsPageJson(request, rows);
  }

  async #rollups(
    request: CandleRequest,
    rows: RollupRows,
    lease: Lease | null,
    fill: readonly Interval[],
  ): Promise<string> {
    const own = fill.includes(request.interval) ? lease : null;
    const parts = fill.includes("1s") ? lease : null;
    await Promise.all([
      this.#fill(
        request,
        request.interval,
        own,
        own && rollupFilling(rows, own),
        rollupsShown(rows),
      ),
      this.#fill(
        request,
        "1s",
        parts,
        parts && partsFilling(request, rows, parts),
        secondsShown(rows.parts, rows.goneParts),
      ),
    ]);
    this.#cache?.feeds.shown(request.market, rows.known_until_ms);
    return rollupPageJson(request, rows);
  }

  /** Writes what was read into Redis; what is not written there is remembered as shown. */
  async #fill(
    { market }: CandleRequest,
    interval: Interval,
    lease: Lease | null,
    filling: Filling | null,
    shown: ShownRows,
  ): Promise<void> {
    if (this.#cache === null) return;
    const range = `${interval} ${market}`;
    this.#cache.shown.add(range, shown);
    if (lease === null || filling === null) return;
    const filled = await this.#cache.store.fill(
      market,
      interval,
      lease,
      filling,
    );
    this.#cache.meter.filled(filled);
    if (filled) this.#cache.shown.held(range, shown);
  }
}

function timeout(answerMsMax: number, cause?: unknown): Failure {
  return new Failure(
    "history_timeout",
    `the history did not answer within ${answerMsMax} ms; ask for fewer rows or try again`,
    cause,
  );
}
