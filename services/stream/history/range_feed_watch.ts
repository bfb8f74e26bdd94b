import type { Market } from "#core/market.ts";
import { partitionOf } from "#core/partition.ts";
import { decodeRangeFeed, type RangeFeed, SESSION_SILENT_MS_MAX } from "#core/range_feed.ts";

/** A feed that is older says nothing of now: marks come every second. */
const FEED_AGE_MS_MAX = 5_000;

/** A feed as an answer uses it. */
export interface WatchedFeed extends RangeFeed {
  /** Ranges [since, until) in which running sessions saw the market, ms, apart and ascending. */
  covered(market: Market): readonly (readonly [sinceMs: number, untilMs: number])[];
}

/** Reads each state of a partition's feed once, and knows how far the newest was that was shown. */
export class FeedWatch {
  readonly #now: () => number;
  readonly #texts = new Map<number, { text: string; feed: WatchedFeed }>();
  readonly #shownMs = new Map<number, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns what is wrong with it, or the feed */
  read(market: Market, text: string | null): WatchedFeed | "no_feed" | "feed_old" | "behind" {
    if (text === null) return "no_feed";
    const partition = partitionOf(market);
    let held = this.#texts.get(partition);
    if (held?.text !== text) {
      held = { text, feed: watched(decodeRangeFeed(text)) };
      this.#texts.set(partition, held);
    }
    const { feed } = held;
    if (feed.knownUntilMs < this.#now() - FEED_AGE_MS_MAX) return "feed_old";
    if (feed.knownUntilMs < (this.#shownMs.get(partition) ?? 0)) return "behind";
    return feed;
  }

  /** An answer said so. */
  shown(market: Market, knownUntilMs: number): void {
    const partition = partitionOf(market);
    if (knownUntilMs > (this.#shownMs.get(partition) ?? 0)) {
      this.#shownMs.set(partition, knownUntilMs);
    }
  }
}

function watched(feed: RangeFeed): WatchedFeed {
  const markets = new Map<string, readonly (readonly [number, number])[]>();
  return {
    ...feed,
    covered: (market) => {
      let held = markets.get(market);
      if (held === undefined) markets.set(market, held = united(feed, market));
      return held;
    },
  };
}

function united(feed: RangeFeed, market: Market): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  const seen = feed.sessions
    .filter((session) =>
      session.markets.includes(market) &&
      session.untilMs >= feed.knownUntilMs - SESSION_SILENT_MS_MAX
    )
    .sort((a, b) => a.sinceMs - b.sinceMs);
  for (const { sinceMs, untilMs } of seen) {
    const last = ranges.at(-1);
    if (last === undefined || last[1] < sinceMs) ranges.push([sinceMs, untilMs]);
    else last[1] = Math.max(last[1], untilMs);
  }
  return ranges;
}
