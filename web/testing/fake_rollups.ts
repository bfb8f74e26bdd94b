import type { Candle } from "#core/candle.ts";
import { sumDecimals } from "#core/decimal.ts";
import type { CandleEvent } from "#core/event/candle_event.ts";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { foldCandles, type FoldedCandle, foldOnto } from "#core/fold.ts";
import { bucketEndMs, bucketStartMs, type Interval } from "#core/interval.ts";
import { rollupRevision } from "#core/revision.ts";
import { type FakeMarket, fakeSpan } from "./fake_market.ts";

const MINUTE = 60_000;
/** The drain stores a closed bucket so long after its end, and a forming one with each minute. */
const LATE_MS = 1_000;

/** Roll-ups as the database would have them: of invented spans long ago, of the fake's own seconds since. */
export class FakeRollups {
  readonly #seconds: (of: FakeMarket, sinceMs: number, untilMs: number) => CandleEvent[];
  /** Before it no seconds are folded. */
  readonly #cutMs: number;
  /** Stored rows that differ from what the seconds say, by market, interval and start. */
  readonly #changed = new Map<string, PostgresCandleEvent>();
  #sequence = 0;

  constructor(
    seconds: (of: FakeMarket, sinceMs: number, untilMs: number) => CandleEvent[],
    nowMs: number,
  ) {
    this.#seconds = seconds;
    this.#cutMs = bucketStartMs("1m", nowMs) - 10 * MINUTE;
  }

  /** The stored row of the bucket as of now; null when none is stored yet. */
  stored(
    of: FakeMarket,
    interval: Interval,
    startsAtMs: number,
    nowMs: number,
  ): PostgresCandleEvent | null {
    const changed = this.#changed.get(`${of.market} ${interval} ${startsAtMs}`);
    if (changed !== undefined) return changed;
    const endMs = bucketEndMs(interval, startsAtMs);
    const untilMs = Math.min(endMs, bucketStartMs("1m", nowMs - LATE_MS));
    const candle = this.#fold(of, interval, startsAtMs, untilMs);
    if (candle === null) return null;
    return {
      ...candle,
      untilMs,
      closed: untilMs === endMs,
      complete: true,
      deleted: false,
      source: "folded",
      revision: rollupRevision(1, untilMs),
    };
  }

  /** Makes the database know the bucket better than the seconds said: of greater volume, and as `change` says. */
  correct(
    of: FakeMarket,
    interval: Interval,
    startsAtMs: number,
    nowMs: number,
    change: Partial<PostgresCandleEvent> = {},
  ): PostgresCandleEvent {
    const held = this.stored(of, interval, startsAtMs, nowMs) ??
      this.stored(of, interval, startsAtMs, bucketEndMs(interval, startsAtMs) + LATE_MS)!;
    const corrected: PostgresCandleEvent = {
      ...held,
      volume: sumDecimals([held.volume, held.volume]),
      revision: rollupRevision(2, ++this.#sequence),
      ...change,
    };
    this.#changed.set(`${of.market} ${interval} ${startsAtMs}`, corrected);
    return corrected;
  }

  /** The newest stored row and what the seconds from its `until` to now add. */
  forming(
    of: FakeMarket,
    interval: Interval,
    nowMs: number,
  ): {
    readonly stored: PostgresCandleEvent | null;
    readonly parts: CandleEvent[];
    readonly folded: readonly FoldedCandle[];
  } {
    const startsAtMs = bucketStartMs(interval, nowMs);
    const stored = this.stored(of, interval, startsAtMs, nowMs) ??
      this.stored(of, interval, bucketStartMs(interval, startsAtMs - 1), nowMs);
    const parts = this.#seconds(of, stored?.untilMs ?? startsAtMs, nowMs - 1_000);
    return { stored, parts, folded: foldOnto(interval, stored, parts) };
  }

  #fold(of: FakeMarket, interval: Interval, startsAtMs: number, untilMs: number): Candle | null {
    if (untilMs <= startsAtMs) return null;
    const parts: Candle[] = [];
    if (startsAtMs < this.#cutMs) {
      parts.push(fakeSpan(of, startsAtMs, Math.min(untilMs, this.#cutMs)));
    }
    parts.push(...this.#seconds(of, Math.max(startsAtMs, this.#cutMs), untilMs));
    return parts.length === 0 ? null : foldCandles(interval, parts);
  }
}
