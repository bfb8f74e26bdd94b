import type { ConsumedBatch } from "#adapters/kafka/records.ts";
import { pipelined, type Redis } from "#adapters/redis.ts";
import { backoffMs } from "#core/backoff.ts";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { reason } from "#core/failure.ts";
import type { Interval } from "#core/interval.ts";
import { sleep, type Worker } from "#core/lifecycle.ts";
import type { Market } from "#core/market.ts";
import {
  encodeRangedRollup,
  newestRows,
  ROLLUPS_RANGED_MAX,
  secondToRange,
  timeText,
} from "#core/range_set.ts";
import { encodeRangeFeed } from "#core/range_feed.ts";
import { type RedisKeys, SECONDS_CACHED_MAX } from "#core/redis_keys.ts";
import { type Revision, rollupRevision } from "#core/revision.ts";
import { RangeFeeds } from "./range_feeds.ts";
import {
  CHECK_RELAYED,
  END_RANGES,
  MOVE_FEED,
  MOVE_RELAYED,
  UPDATE_RANGES,
} from "./range_scripts.ts";
import type { Refusal, Work } from "./work.ts";

export interface RangesOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly chance: () => number;
  /** A text nobody drew before. */
  readonly token: () => string;
  readonly observe: {
    wrote(kind: "second" | "rollup", rows: number): void;
    /** Every cached range ends: what is written next, nobody can put in its place. */
    ended(cause: string): void;
  };
}

/** Rows waiting for Redis, about 20 MB; above it they are dropped, and with them every cached range. */
const ROWS_WAITING_MAX = 50_000;
/** Rows of one script call: Redis does nothing else meanwhile, so about a millisecond. */
const SCRIPT_ROWS_MAX = 200;
/** How often it looks whether Redis still knows how far the relay is: after a flush, nobody else would say. */
const LOOK_MS = 1_000;
const RETRY = { firstMs: 100, maxMs: 1_000 };

type Command = readonly [string, ...(string | number)[]];

/** Rows by their range. */
type Rows = Map<string, { readonly interval: Interval; readonly market: Market; rows: string[] }>;

/**
 * Keeps the cached ranges as PostgreSQL is: what persist stored and what the relay sent is written into the ranges that are
 * there, and ends whatever fill is under way.
 *
 * Holds nobody back: what is put waits here, within a limit. What cannot be written ends every range, since a range that missed a
 * write would be taken for whole: seconds by the epoch of their partition's feed, roll-ups by the epoch beside `relayed`,
 * which also ends them when the relay died before its rows were here, whichever instance it was.
 */
export class Ranges implements Worker {
  readonly name = "ranges";
  readonly #options: RangesOptions;
  readonly #feeds: RangeFeeds;
  /** Records that PostgreSQL refused: their seconds are not stored. */
  readonly #refused = new WeakSet<object>();
  #jobs: (() => Promise<void>)[] = [];
  #rowsWaiting = 0;
  #relayedTo: Revision | null = null;
  #versions = 0;
  #suspicion: string | null = null;
  #resting = false;
  #wake: () => void = () => {};

  constructor(options: RangesOptions) {
    this.#options = options;
    this.#feeds = new RangeFeeds(options.token);
  }

  get rowsWaiting(): number {
    return this.#rowsWaiting;
  }

  /** Whether Redis has all that was put. */
  get idle(): boolean {
    return this.#resting && this.#jobs.length === 0;
  }

  /** A batch of seconds was read: where it does not follow the one before it, others stored what is in between. */
  read({ partition, records }: ConsumedBatch): void {
    const [first, last] = [records[0], records.at(-1)];
    if (first !== undefined) this.#feeds.read(partition, first.offset, last!.offset);
  }

  /** PostgreSQL refused them: they are no rows, and leave holes in what is covered. */
  refused(refusals: readonly Refusal[]): void {
    for (const { record, hole } of refusals) {
      this.#refused.add(record);
      if (hole !== null) this.#feeds.end(record.partition);
    }
  }

  /** What is stored in PostgreSQL. */
  put(work: Work): void {
    const rows: Rows = new Map();
    const answered = new Map<Market, number>();
    for (const { event, record } of work.seconds) {
      const { market, startsAtMs } = event;
      if (event.origin === "rest") {
        answered.set(market, Math.max(startsAtMs, answered.get(market) ?? 0));
      } else if (!this.#refused.has(record)) add(rows, market, "1s", secondToRange(event));
    }
    const feeds = work.marks.map((mark) => this.#feeds.mark(mark)).filter((feed) => feed !== null);
    if (rows.size + answered.size + feeds.length === 0) return;
    this.#enqueue("second", work.seconds.length, async () => {
      await this.#endAnswered(answered);
      await this.#update("s", SECONDS_CACHED_MAX, rows);
      // one whose epoch has ended meanwhile would bring its ranges back
      const texts = feeds.filter((feed) => this.#feeds.holds(feed))
        .flatMap(({ partition, feed }) => [partition, encodeRangeFeed(feed)]);
      if (texts.length === 0) return;
      await this.#call([["EVAL", MOVE_FEED, 1, this.#options.keys.feed, ...texts]]);
    });
  }

  /** What the relay sent, perhaps nothing: each row between the two positions, in its newest state. */
  relayed(
    events: readonly PostgresCandleEvent[],
    from: RelayPosition,
    to: RelayPosition,
  ): void {
    const since = rollupRevision(from.timeline, from.sequence);
    const until = rollupRevision(to.timeline, to.sequence);
    const first = this.#relayedTo === null;
    this.#relayedTo = until;
    if (since === until) {
      if (first) this.#wake();
      return;
    }
    const rows: Rows = new Map();
    for (const event of events) {
      add(rows, event.market, event.interval, encodeRangedRollup(event));
    }
    this.#enqueue("rollup", events.length, async () => {
      await this.#checkRelayed(since);
      await this.#update("r", ROLLUPS_RANGED_MAX, rows);
      await this.#call([["EVAL", MOVE_RELAYED, 1, this.#options.keys.relayed, until]]);
    });
  }

  /** Writes what is put, until the signal aborts; what came before that is still tried. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#wake();
    signal.addEventListener("abort", wake);
    // another server, or one that restarted from an old snapshot, may hold ranges that missed writes
    const connected = (): void => this.#suspect("connected");
    this.#options.redis.on("ready", connected);
    connected();
    for (let failures = 0; !signal.aborted || (this.#jobs.length > 0 && failures === 0);) {
      try {
        await this.#dropSuspected();
        const job = this.#jobs.shift();
        if (job !== undefined) await job();
        else {
          if (this.#relayedTo !== null) await this.#checkRelayed(this.#relayedTo);
          await this.#idle(signal);
        }
        failures = 0;
      } catch (error) {
        failures++;
        this.#suspect(reason(error));
        await sleep(backoffMs(RETRY, failures, this.#options.chance()), signal);
      }
    }
    this.#options.redis.off("ready", connected);
    signal.removeEventListener("abort", wake);
  }

  #enqueue(kind: "second" | "rollup", rows: number, write: () => Promise<void>): void {
    if (this.#rowsWaiting + rows > ROWS_WAITING_MAX) return this.#suspect("too many rows wait");
    this.#rowsWaiting += rows;
    this.#jobs.push(async () => {
      // tried once: what fails ends every range, and then is of no use
      this.#rowsWaiting -= rows;
      await write();
      this.#options.observe.wrote(kind, rows);
    });
    this.#wake();
  }

  async #idle(signal: AbortSignal): Promise<void> {
    if (this.#jobs.length > 0 || this.#suspicion !== null || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      this.#resting = true;
      this.#wake = () => {
        clearTimeout(timer);
        this.#resting = false;
        resolve();
      };
    });
    this.#resting = false;
  }

  /** Ranges may lack something: they end before anything else is written. */
  #suspect(cause: string): void {
    if (this.#suspicion === null) this.#options.observe.ended(cause);
    this.#suspicion = cause;
    this.#wake();
  }

  async #dropSuspected(): Promise<void> {
    const { keys } = this.#options;
    if (this.#suspicion !== null) {
      this.#suspicion = null;
      this.#jobs = [];
      this.#rowsWaiting = 0;
      this.#feeds.endAll();
      // whatever the relay has sent so far counts as missed
      await this.#call([["DEL", keys.relayed]]);
    }
    const ended = this.#feeds.ended();
    if (ended.length > 0) {
      await this.#call([["HDEL", keys.feed, ...ended]]);
      this.#feeds.dropped(ended);
    }
  }

  async #checkRelayed(since: Revision): Promise<void> {
    const { keys, token, observe } = this.#options;
    const [missed] = await this.#call([[
      "EVAL",
      CHECK_RELAYED,
      1,
      keys.relayed,
      since,
      token(),
    ]]);
    if (missed === 1) observe.ended("Redis is behind the relay");
  }

  /** An answer of the exchange changes what counts as covered, too: PostgreSQL is asked again. */
  async #endAnswered(answered: ReadonlyMap<Market, number>): Promise<void> {
    const { keys } = this.#options;
    if (answered.size === 0) return;
    const names = [...answered.keys()].flatMap((market) => [
      keys.range("1s", market),
      keys.lease("1s", market),
    ]);
    const starts = [...answered.values()].map(timeText);
    await this.#call([["EVAL", END_RANGES, names.length, ...names, ...starts]]);
  }

  async #update(kind: "s" | "r", rowsMax: number, rows: Rows): Promise<void> {
    const { keys } = this.#options;
    const parts = [...rows.values()].flatMap(({ interval, market, rows }) =>
      chunks(newestRows(rows), SCRIPT_ROWS_MAX).map((chunk) => ({
        names: [keys.range(interval, market), keys.lease(interval, market)],
        chunk,
      }))
    );
    const commands: Command[] = [];
    for (let at = 0; at < parts.length;) {
      const names: string[] = [];
      const texts: (string | number)[] = [];
      for (let size = 0; at < parts.length; at++) {
        const part = parts[at]!;
        if (size > 0 && size + part.chunk.length > SCRIPT_ROWS_MAX) break;
        size += part.chunk.length;
        names.push(...part.names);
        texts.push(part.chunk.length, ...part.chunk);
      }
      const version = `${this.#feeds.owner}${(this.#versions++).toString(36)}`;
      commands.push([
        "EVAL",
        UPDATE_RANGES,
        names.length,
        ...names,
        version,
        rowsMax,
        kind,
        ...texts,
      ]);
    }
    if (commands.length > 0) await this.#call(commands);
  }

  #call(commands: readonly Command[]): Promise<readonly unknown[]> {
    return pipelined(this.#options.redis, commands);
  }
}

/** Where the relay's cursor stands. */
export interface RelayPosition {
  readonly timeline: number;
  readonly sequence: number;
}

function add(rows: Rows, market: Market, interval: Interval, row: string): void {
  const key = `${interval} ${market}`;
  let held = rows.get(key);
  if (held === undefined) rows.set(key, held = { interval, market, rows: [] });
  held.rows.push(row);
}

function chunks<Item>(items: readonly Item[], sizeMax: number): readonly (readonly Item[])[] {
  const result: (readonly Item[])[] = [];
  for (let at = 0; at < items.length; at += sizeMax) result.push(items.slice(at, at + sizeMax));
  return result;
}
