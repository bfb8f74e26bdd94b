import { Buffer } from "node:buffer";
import { bucketStartMs, type Interval } from "#core/interval.ts";
import {
  decodeRangedSecond,
  decodeRangeHead,
  type RangedSecond,
  timeText,
} from "#core/range_set.ts";
import type { Revision } from "#core/revision.ts";
import { type CandleRequest, requestKey } from "./candle_request.ts";
import { type FeedWatch, type WatchedFeed } from "./range_feed_watch.ts";
import {
  candleOf,
  pageHead,
  type RollupBase,
  rollupBase,
  rollupRest,
  type SecondsBase,
  secondsBase,
  secondsFlags,
  secondsRest,
} from "./range_page.ts";
import { PARTS_MAX } from "./range_scripts.ts";
import type { RangeRead, RangeStore } from "./range_store.ts";
import { continued } from "./rollup_page.ts";
import type { Shown } from "./shown.ts";

/**
 * Why an answer does not come from Redis. `cold`: no such range, or one that ended or is too short: it is filled. The others
 * are answered by PostgreSQL alone:
 *
 * - `page`: by `to`, never cached · `away`: Redis did not answer · `no_feed`, `feed_old`: persist has not said how far it is,
 *   as after a flush · `behind`: PostgreSQL has shown more already · `arrears`: the newest row is minutes behind the seconds, as
 *   when pg_cron stands still: PostgreSQL sums those up · `coverage`: no running session saw the stretch, so PostgreSQL has to say
 */
export type Bypass =
  | "cold"
  | "page"
  | "away"
  | "no_feed"
  | "feed_old"
  | "behind"
  | "arrears"
  | "coverage";

export type Cached =
  | { readonly body: Buffer; readonly why: null }
  /** @property fill ranges that the answer may fill */
  | { readonly body: null; readonly why: Bypass; readonly fill: readonly Interval[] };

/** Bytes of rows and bodies held for the next request; above it the one asked for longest ago is read anew. */
const HELD_BYTES_MAX = 96 * 1024 * 1024;
/** Seconds read above those asked for, tombstones among them. */
const SPARE_ROWS = 32;

/** The newest seconds of a market, decoded as they are asked for. */
interface SecondLines {
  readonly head: string;
  readonly lines: readonly string[];
  readonly decoded: (RangedSecond | undefined)[];
  /** Whether older rows may be in the range. */
  readonly cut: boolean;
}

interface HeldRollups {
  /** Whether the feed can change nothing more: all that it says of these rows is said. */
  readonly settled: boolean;
  readonly base: RollupBase;
  readonly secondsHead: string;
  readonly flags: string;
  readonly rest: Buffer;
  readonly feed: WatchedFeed;
  readonly body: Buffer;
}

interface HeldSeconds {
  readonly settled: boolean;
  readonly base: SecondsBase;
  readonly flags: string;
  readonly rest: Buffer;
  readonly feed: WatchedFeed;
  readonly body: Buffer;
}

/**
 * Newest pages from the ranges in Redis. Each request asks Redis for the ranges' heads; what has not changed since the last
 * request is not sent, decoded or written again.
 */
export class CachedPages {
  readonly #store: RangeStore;
  readonly #feeds: FeedWatch;
  readonly #shown: Shown;
  readonly #held = new Map<string, HeldRollups | HeldSeconds>();
  readonly #lines = new Map<string, SecondLines>();
  #heldBytes = 0;
  #relayedShown = "";

  constructor(store: RangeStore, feeds: FeedWatch, shown: Shown) {
    this.#store = store;
    this.#feeds = feeds;
    this.#shown = shown;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  page(request: CandleRequest): Promise<Cached> {
    if (request.toMs !== null) return Promise.resolve(without("page"));
    return request.interval === "1s" ? this.#seconds(request) : this.#rollups(request);
  }

  async #rollups(request: CandleRequest): Promise<Cached> {
    const { market, interval } = request;
    const key = requestKey(request);
    const held = this.#held.get(key) as HeldRollups | undefined;
    const heldLines = this.#lines.get(market);
    const read = await this.#store.readRollups(
      market,
      interval,
      held?.base.head ?? "",
      heldLines?.head ?? "",
    );
    if (read === null) return without("away");
    const feed = this.#feeds.read(market, read.feed);
    if (typeof feed === "string") return without(feed);
    if (read.relayed === null) return without("no_feed");
    const [relayedTo, epoch] = read.relayed.split(" ") as [string, string];
    if (relayedTo < this.#relayedShown) return without("behind");

    const base = this.#rollupBase(request, held?.base ?? null, read.rollups, epoch);
    const lines = this.#secondLines(market, heldLines ?? null, read.seconds, feed);
    if (base === null || lines === null) {
      return without("cold", [
        ...base === null ? [interval] : [],
        ...lines === null ? ["1s"] as const : [],
      ]);
    }
    const { newest } = base;
    if (decodeRangeHead(lines.head).completeFromMs > newest.untilMs) return without("cold", ["1s"]);
    const parts = secondsSince(lines, newest.untilMs);
    if (parts === null) return without("arrears");
    const range = `${interval} ${market}`;
    if (
      (this.#shown.has(range, base.sinceMs) &&
        !this.#shown.caughtUp(range, base.sinceMs, revisionsOf(base))) ||
      (this.#shown.has(`1s ${market}`, newest.untilMs) &&
        !this.#shown.caughtUp(`1s ${market}`, newest.untilMs, revisionsByStart(parts)))
    ) return without("behind");

    const same = held?.base === base && held.secondsHead === lines.head;
    if (same && (held.settled || held.feed === feed)) {
      this.#relayedShown = relayedTo;
      this.#feeds.shown(market, feed.knownUntilMs);
      return { body: this.#again(key, request, held, feed), why: null };
    }
    const alive = parts.filter(({ deleted }) => !deleted);
    if (alive.length > 0 && alive[0]!.startsAtMs < fineSinceMs(alive.at(-1)!)) {
      return without("arrears");
    }
    const covered = clipped(feed, request, newest.untilMs, alive);
    const flags = JSON.stringify(covered);
    this.#relayedShown = relayedTo;
    this.#feeds.shown(market, feed.knownUntilMs);
    const newestPart = alive.at(-1);
    const settled = newestPart === undefined ||
      covered.some(([since, until]) =>
        since <= newest.untilMs && until === newestPart.startsAtMs + 1_000
      );
    if (same && held.flags === flags) {
      return { body: this.#again(key, request, { ...held, settled }, feed), why: null };
    }
    let unknown = false;
    const forming = continued(
      interval,
      newest,
      newest.deleted ? null : candleOf(market, interval, newest),
      alive.map((part) => candleOf(market, "1s", part)),
      (sinceMs, untilMs) => {
        const within = covered.some(([since, until]) => since <= sinceMs && untilMs <= until);
        // before the session began only PostgreSQL knows
        unknown ||= !within && !covered.some(([since]) => since <= sinceMs);
        return within;
      },
    );
    if (unknown) return without("coverage");
    const rest = rollupRest(request, base, forming, alive);
    const body = whole(request, feed, rest);
    this.#hold(key, { settled, base, secondsHead: lines.head, flags, rest, feed, body });
    return { body, why: null };
  }

  async #seconds(request: CandleRequest): Promise<Cached> {
    const { market, count } = request;
    const key = requestKey(request);
    const held = this.#held.get(key) as HeldSeconds | undefined;
    const rowsMax = count + SPARE_ROWS;
    const read = await this.#store.readSeconds(market, held?.base.head ?? "", rowsMax);
    if (read === null) return without("away");
    const feed = this.#feeds.read(market, read.feed);
    if (typeof feed === "string") return without(feed);
    const { head, rows } = read.seconds;
    if (head === null) return without("cold", ["1s"]);
    const { epoch, more } = decodeRangeHead(head);
    if (epoch !== feed.epoch) return without("cold", ["1s"]);
    let base = held?.base.head === head ? held.base : null;
    if (base === null && rows !== null) {
      const lines = linesOf(rows, head);
      base = secondsBase(
        request,
        head,
        lines,
        this.#decoded(held?.base ?? null, lines),
        more || lines.length === rowsMax,
      );
    }
    if (base === null) return without("cold", ["1s"]);
    if (
      this.#shown.has(`1s ${market}`, base.sinceMs) &&
      !this.#shown.caughtUp(`1s ${market}`, base.sinceMs, secondRevisions(base))
    ) return without("behind");
    if (held?.base === base && (held.settled || held.feed === feed)) {
      this.#feeds.shown(market, feed.knownUntilMs);
      return { body: this.#again(key, request, held, feed), why: null };
    }
    const covered = feed.covered(market);
    const flags = secondsFlags(
      base.rows,
      feed.knownUntilMs,
      (sinceMs, untilMs) => covered.some(([since, until]) => since <= sinceMs && untilMs <= until),
    );
    this.#feeds.shown(market, feed.knownUntilMs);
    const rest = held?.base === base && held.flags === flags ? held.rest : secondsRest(base, flags);
    const body = whole(request, feed, rest);
    const settled = !flags.includes("false");
    this.#hold(key, { settled, base, flags, rest, feed, body });
    return { body, why: null };
  }

  /** Most rows are those of the last time. */
  #decoded(before: SecondsBase | null, lines: readonly string[]): readonly RangedSecond[] {
    const known = new Map(before?.all.map((row, at) => [before.lines[at], row]));
    return lines.map((line) => known.get(line) ?? decodeRangedSecond(line));
  }

  #rollupBase(
    request: CandleRequest,
    held: RollupBase | null,
    { head, rows }: RangeRead,
    epoch: string,
  ): RollupBase | null {
    if (head === null) return null;
    const decoded = decodeRangeHead(head);
    if (decoded.epoch !== epoch) return null;
    if (held?.head === head) return held;
    return rows === null || rows === ""
      ? null
      : rollupBase(request, head, rows.split("\n"), decoded.more);
  }

  #secondLines(
    market: string,
    held: SecondLines | null,
    { head, rows }: RangeRead,
    feed: WatchedFeed,
  ): SecondLines | null {
    if (head === null || decodeRangeHead(head).epoch !== feed.epoch) return null;
    if (held?.head === head) return held;
    if (rows === null) return null;
    const lines = linesOf(rows, head);
    const before = new Map(held?.lines.map((line, at) => [line, held.decoded[at]]));
    const made = {
      head,
      lines,
      decoded: lines.map((line) => before.get(line)),
      cut: lines.length === PARTS_MAX,
    };
    this.#lines.delete(market);
    this.#lines.set(market, made);
    return made;
  }

  /** The same rows, with what the feed says now. */
  #again(
    key: string,
    request: CandleRequest,
    held: HeldRollups | HeldSeconds,
    feed: WatchedFeed,
  ): Buffer {
    const body = held.feed === feed ? held.body : whole(request, feed, held.rest);
    this.#touch(key, body === held.body ? held : { ...held, feed, body });
    return body;
  }

  #touch(key: string, held: HeldRollups | HeldSeconds): void {
    this.#held.delete(key);
    this.#held.set(key, held);
  }

  #hold(key: string, made: HeldRollups | HeldSeconds): void {
    const before = this.#held.get(key);
    if (before !== undefined) this.#heldBytes -= sizeOf(before);
    this.#touch(key, made);
    this.#heldBytes += sizeOf(made);
    for (const [oldest, entry] of this.#held) {
      if (this.#heldBytes <= HELD_BYTES_MAX) break;
      this.#held.delete(oldest);
      this.#heldBytes -= sizeOf(entry);
    }
  }
}

function without(why: Bypass, fill: readonly Interval[] = []): Cached {
  return { body: null, why, fill };
}

/** A body, the part of it that outlives a mark, and the columns it was made of, about as long. */
function sizeOf({ rest }: HeldRollups | HeldSeconds): number {
  return rest.length * 3;
}

function whole(request: CandleRequest, feed: WatchedFeed, rest: Buffer): Buffer {
  return Buffer.concat([Buffer.from(pageHead(request, feed.knownUntilMs), "latin1"), rest]);
}

/** Rows of an answer that may begin with the head. */
function linesOf(rows: string, head: string): string[] {
  const lines = rows === "" ? [] : rows.split("\n");
  if (lines[0] === head) lines.shift();
  return lines;
}

function secondAt(lines: SecondLines, at: number): RangedSecond {
  return lines.decoded[at] ??= decodeRangedSecond(lines.lines[at]!);
}

/** @returns seconds that start at or after the time, tombstones among them; null when there are more than were read */
function secondsSince(lines: SecondLines, sinceMs: number): readonly RangedSecond[] | null {
  const since = timeText(sinceMs);
  const seconds: RangedSecond[] = [];
  let at = lines.lines.length - 1;
  for (; at >= 0 && lines.lines[at]!.slice(0, since.length) >= since; at--) {
    seconds.push(secondAt(lines, at));
  }
  return at < 0 && lines.cut ? null : seconds.reverse();
}

/** From when on PostgreSQL gives seconds one by one: two minutes before the newest one's; what is older, by the minute. */
function fineSinceMs({ startsAtMs }: RangedSecond): number {
  return bucketStartMs("1m", startsAtMs) - 120_000;
}

/** What running sessions saw of the stretch that is folded, as PostgreSQL would say it. */
function clipped(
  feed: WatchedFeed,
  { market }: CandleRequest,
  sinceMs: number,
  parts: readonly RangedSecond[],
): readonly (readonly [number, number])[] {
  const newest = parts.at(-1);
  if (newest === undefined) return [];
  const untilMs = newest.startsAtMs + 1_000;
  return feed.covered(market)
    .filter(([since, until]) => since < untilMs && until > sinceMs)
    .map(([since, until]) => [Math.max(since, sinceMs), Math.min(until, untilMs)] as const);
}

function revisionsOf(base: RollupBase): ReadonlyMap<number, Revision> {
  const starts = base.older.starts_at_ms === "" ? [] : base.older.starts_at_ms.split(",");
  const revisions = base.older.revision.split(",");
  const rows = new Map<number, Revision>(base.gone);
  starts.forEach((start, at) => rows.set(Number(start), revisions[at]!.slice(1, -1) as Revision));
  return rows.set(base.last.startsAtMs, base.last.revision);
}

function secondRevisions({ gone, rows }: SecondsBase): ReadonlyMap<number, Revision> {
  return new Map([...gone, ...revisionsByStart(rows)]);
}

function revisionsByStart(rows: readonly RangedSecond[]): ReadonlyMap<number, Revision> {
  return new Map(rows.map(({ startsAtMs, revision }) => [startsAtMs, revision]));
}
