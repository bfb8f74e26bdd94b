import type { Market } from "#core/market.ts";
import type { Interval } from "#core/interval.ts";
import type { Want } from "./want.ts";

interface Asked {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Not asked again before this, on the steady clock. */
  readonly heldUntilMs: number;
  readonly forgottenAtMs: number;
  /** How often it was asked in a row. */
  readonly times: number;
}

/** An answer needs a moment until it is stored and taken in; meanwhile the query lists its stretch as missing. */
export const HELD_MS = 30_000;
/** What was answered and stays missing, such as an answer that cannot be read, is asked for ever more seldom. */
export const HELD_MS_MAX = 30 * 60_000;
/** After this an answer has become coverage, or the holding begins anew. */
const FORGOTTEN_AFTER_MS = 60 * 60_000;
/** Above it the oldest give way, and would be asked again too early. At 9 a second an hour is 32,400. */
const ENTRIES_MAX = 40_000;

/** What was asked is not asked again for {@link HELD_MS}, and each further time for twice as long. In memory alone. */
export class AskedLately {
  readonly #byKey = new Map<string, Asked[]>();
  readonly #markets = new Map<Market, number>();
  #entries = 0;

  /**
   * @param want what was wanted of it
   * @param sinceMs how far the answer reached: later than the want's begin when it held all it can hold, earlier when little
   * traded
   */
  note(want: Want, sinceMs: number, steadyMs: number): void {
    const key = keyOf(want);
    const known = this.#byKey.get(key) ?? [];
    const wantedSinceMs = Math.max(sinceMs, want.sinceMs);
    let times = 1;
    const kept: Asked[] = [];
    for (const asked of known) {
      if (asked.forgottenAtMs <= steadyMs) continue;
      if (asked.sinceMs < want.untilMs && asked.untilMs > wantedSinceMs) {
        times = Math.max(times, asked.times + 1);
      }
      // what the new one contains, and holds for longer, is said by it
      if (asked.sinceMs >= sinceMs && asked.untilMs <= want.untilMs) continue;
      kept.push(asked);
    }
    kept.push({
      sinceMs: Math.min(sinceMs, wantedSinceMs),
      untilMs: want.untilMs,
      heldUntilMs: steadyMs + Math.min(HELD_MS_MAX, HELD_MS * 2 ** (times - 1)),
      forgottenAtMs: steadyMs + FORGOTTEN_AFTER_MS,
      times,
    });
    this.#entries += kept.length - known.length;
    this.#byKey.delete(key);
    this.#byKey.set(key, kept);
    while (this.#entries > ENTRIES_MAX) {
      const [oldest, entries] = this.#byKey.entries().next().value!;
      this.#byKey.delete(oldest);
      this.#entries -= entries.length;
    }
  }

  /** The exchange does not know the market: it is left alone for a while. */
  noteGone(market: Market, steadyMs: number): void {
    if (this.#markets.size >= ENTRIES_MAX) this.#markets.clear();
    this.#markets.set(market, steadyMs + GONE_MS);
  }

  /** The newest part of the want that may be asked now, or null. What lies behind a held part comes with the next round. */
  left(want: Want, steadyMs: number): Want | null {
    if ((this.#markets.get(want.market) ?? 0) > steadyMs) return null;
    let { sinceMs, untilMs } = want;
    // latest end first, so that each cut shortens what is left from above
    const held = (this.#byKey.get(keyOf(want)) ?? [])
      .filter(({ heldUntilMs }) => heldUntilMs > steadyMs)
      .sort((a, b) => b.untilMs - a.untilMs);
    for (const asked of held) {
      if (asked.untilMs >= untilMs) untilMs = Math.min(untilMs, asked.sinceMs);
      else if (asked.untilMs > sinceMs) {
        sinceMs = asked.untilMs;
        break;
      }
      if (sinceMs >= untilMs) return null;
    }
    return sinceMs < untilMs ? { ...want, sinceMs, untilMs } : null;
  }

  get entries(): number {
    return this.#entries;
  }
}

/** The market list is looked at every minute; one that is listed and still unknown may be new. */
const GONE_MS = 10 * 60_000;

function keyOf({ market, interval }: { market: Market; interval: Interval }): string {
  return `${market} ${interval}`;
}
