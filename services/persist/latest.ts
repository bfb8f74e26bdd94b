import { pipelined, type Redis } from "#adapters/redis.ts";
import { backoffMs } from "#core/backoff.ts";
import { reason } from "#core/failure.ts";
import { sleep, type Worker } from "#core/lifecycle.ts";
import type { Market } from "#core/market.ts";
import { type RedisKeys, SECONDS_CACHED_MAX } from "#core/redis_keys.ts";
import { PUT_NEWEST, PUT_SECONDS } from "./latest_scripts.ts";
import { LatestStates, type State } from "./latest_states.ts";
import type { Work } from "./work.ts";

export interface LatestOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly chance: () => number;
  readonly observe: {
    wrote(kind: "ticker" | "candle" | "second" | "listing", count: number): void;
    failed(reason: string): void;
    returned(staleMarkets: number): void;
  };
}

/** Markets whose sets are known to miss a write; the exchange lists below a thousand. */
const STALE_MARKETS_MAX = 10_000;
/** Fields or members of one script call: Redis does nothing else meanwhile, so about a millisecond. */
const SCRIPT_ITEMS_MAX = 200;
/** A set nobody writes to any more: a delisted market, or one without trades for days. */
const SECONDS_EXPIRE_S = 3 * 86_400;
const RETRY = { firstMs: 100, maxMs: 1_000 };

/**
 * Redis as persist keeps it: latest ticker, latest candle, listing, newest seconds of each market.
 *
 * Never holds back who calls: a put waits for one pipeline at most, and while Redis is away for none. What was not
 * written is remembered within bounds: tickers, candles and listings themselves (one of each per market), of seconds only
 * their market, whose set is deleted before anything else is written on Redis's return.
 */
export class Latest implements Worker {
  readonly name = "latest";
  readonly #options: LatestOptions;
  readonly #stale = new Set<Market>();
  #pending = new LatestStates();
  #waiting: (() => void)[] = [];
  #away = false;
  #wake: () => void = () => {};

  constructor(options: LatestOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending.size;
  }

  get staleMarkets(): number {
    return this.#stale.size;
  }

  get away(): boolean {
    return this.#away;
  }

  /** Resolves when written, or when it is remembered because Redis is away. Never rejects. */
  put(work: Work): Promise<void> {
    for (const market of this.#pending.add(work)) this.#markStale(market);
    if (this.#away) {
      this.#forgetSeconds(this.#pending);
      return Promise.resolve();
    }
    if (this.#pending.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#wake();
    });
  }

  /** Their sets of seconds hold what has turned out not to have been: they go, and grow again. */
  forget(markets: readonly Market[]): void {
    for (const market of markets) this.#markStale(market);
    if (markets.length > 0) this.#wake();
  }

  /** Writes what is pending, one pipeline at a time, until the signal aborts; what came before that is still tried. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#wake();
    signal.addEventListener("abort", wake);
    for (let failures = 0;;) {
      if (this.#pending.size === 0 && this.#stale.size === 0) {
        if (signal.aborted) break;
        await new Promise<void>((resolve) => this.#wake = resolve);
        continue;
      }
      const states = this.#pending;
      const waiting = this.#waiting;
      this.#pending = new LatestStates();
      this.#waiting = [];
      try {
        await this.#write(states);
        failures = 0;
      } catch (error) {
        failures++;
        this.#away = true;
        this.#options.observe.failed(reason(error));
        this.#pending.restore(states);
        this.#forgetSeconds(states);
        this.#forgetSeconds(this.#pending);
        for (const done of this.#waiting.splice(0)) done();
      }
      for (const done of waiting) done();
      if (failures > 0) {
        if (signal.aborted) break;
        await sleep(backoffMs(RETRY, failures, this.#options.chance()), signal);
      }
    }
    for (const done of this.#waiting.splice(0)) done();
    signal.removeEventListener("abort", wake);
  }

  async #write(states: LatestStates): Promise<void> {
    const { redis, keys, observe } = this.#options;
    const stale = [...this.#stale];
    if (stale.length > 0) await pipelined(redis, [["UNLINK", ...stale.map(keys.seconds)]]);
    for (const market of stale) this.#stale.delete(market);
    await pipelined(redis, [
      ...hashCommands(keys.tickers, states.tickers),
      ...hashCommands(keys.candles, states.candles),
      ...listingCommands(keys.listings, states.listings),
      ...secondsCommands(keys, states.seconds),
    ]);
    if (this.#away) {
      this.#away = false;
      observe.returned(stale.length);
    }
    observe.wrote("ticker", states.tickers.size);
    observe.wrote("candle", states.candles.size);
    observe.wrote("listing", states.listings.size);
    observe.wrote("second", states.secondsCount);
  }

  /** Of seconds only the market is remembered. */
  #forgetSeconds(states: LatestStates): void {
    for (const market of [...states.seconds.keys()]) {
      this.#markStale(market);
      states.dropSeconds(market);
    }
  }

  #markStale(market: Market): void {
    if (this.#stale.size < STALE_MARKETS_MAX) this.#stale.add(market);
  }
}

type Command = readonly [string, ...(string | number)[]];

function hashCommands(key: string, states: ReadonlyMap<Market, State>): readonly Command[] {
  const fields = [...states].map(([market, { revision, payload }]) =>
    [market, `${revision} ${payload}`] as const
  );
  return chunks(fields, SCRIPT_ITEMS_MAX).map((
    chunk,
  ) => ["EVAL", PUT_NEWEST, 1, key, ...chunk.flat()]);
}

function listingCommands(
  key: string,
  listings: ReadonlyMap<Market, string | null>,
): readonly Command[] {
  const listed: string[] = [];
  const delisted: string[] = [];
  for (const [market, element] of listings) {
    if (element === null) delisted.push(market);
    else listed.push(market, element);
  }
  return [
    ...listed.length > 0 ? [["HSET", key, ...listed] as const] : [],
    ...delisted.length > 0 ? [["HDEL", key, ...delisted] as const] : [],
  ];
}

function secondsCommands(
  keys: RedisKeys,
  seconds: ReadonlyMap<Market, ReadonlyMap<number, State>>,
): readonly Command[] {
  const parts = [...seconds].flatMap(([market, states]) =>
    chunks([...states], SCRIPT_ITEMS_MAX).map((chunk) => ({ key: keys.seconds(market), chunk }))
  );
  const commands: Command[] = [];
  for (let at = 0; at < parts.length;) {
    const sets: string[] = [];
    const members: (string | number)[] = [];
    for (let items = 0; at < parts.length; at++) {
      const { key, chunk } = parts[at]!;
      if (items > 0 && items + chunk.length > SCRIPT_ITEMS_MAX) break;
      items += chunk.length;
      sets.push(key);
      members.push(chunk.length);
      for (const [startsAtMs, { revision, payload }] of chunk) {
        members.push(startsAtMs / 1_000, `${revision} ${payload}`);
      }
    }
    commands.push([
      "EVAL",
      PUT_SECONDS,
      sets.length,
      ...sets,
      SECONDS_CACHED_MAX,
      SECONDS_EXPIRE_S,
      ...members,
    ]);
  }
  return commands;
}

function chunks<Item>(items: readonly Item[], sizeMax: number): readonly (readonly Item[])[] {
  const result: (readonly Item[])[] = [];
  for (let at = 0; at < items.length; at += sizeMax) result.push(items.slice(at, at + sizeMax));
  return result;
}
