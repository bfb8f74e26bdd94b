import { pipelined, type Redis } from "#adapters/redis.ts";
import { reason } from "#core/failure.ts";
import { sleep, type Worker } from "#core/lifecycle.ts";
import { type RedisKeys, TICKERS_WHOLE } from "#core/redis_keys.ts";
import type { Latest } from "./latest.ts";
import { NO_WORK, type TickerWork } from "./work.ts";

export interface TickersRebuildOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly latest: Pick<Latest, "put" | "away">;
  /**
   * Hands over every ticker of the compacted topic up to its end as of now.
   *
   * @returns false when the signal aborted first
   */
  readonly readTopic: (
    take: (tickers: readonly TickerWork[]) => Promise<void>,
    signal: AbortSignal,
  ) => Promise<boolean>;
  /** A text nobody drew before. */
  readonly token: () => string;
  /** How often it looks whether Redis was emptied, ms. */
  readonly lookMs: number;
  readonly observe: {
    rebuilt(tickers: number): void;
    failed(reason: string): void;
  };
}

/** A rebuilding that takes longer was that of a process that died; the next look begins another. */
const REBUILD_S_MAX = 120;

/** `whole` only where the token still stands: a flush in between took it along with what was written. */
const FINISH = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`;

/**
 * Makes Redis hold the newest ticker of every market again, from the compacted topic: at this process's start, since the
 * one before may have died with tickers that Redis had not taken, and whenever Redis turns out to have been emptied. Until
 * then a quiet market would have no ticker, and a stream replica that starts could not know which are missing.
 *
 * Runs beside the live way and by the same rule (the newer revision wins), so neither disturbs the other.
 */
export class TickersRebuild implements Worker {
  readonly name = "tickers rebuild";
  readonly #options: TickersRebuildOptions;

  constructor(options: TickersRebuildOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { redis, keys, lookMs, observe } = this.#options;
    for (let due = true; !signal.aborted;) {
      try {
        if (due || await redis.get(keys.tickersState) === null) due = !await this.#rebuild(signal);
      } catch (error) {
        // Redis is away: it may come back empty or without what it missed
        due = true;
        observe.failed(reason(error));
      }
      await sleep(lookMs, signal);
    }
  }

  /** @returns whether Redis is whole */
  async #rebuild(signal: AbortSignal): Promise<boolean> {
    const { redis, keys, latest, readTopic, token, observe } = this.#options;
    const mine = token();
    await pipelined(redis, [["SET", keys.tickersState, mine, "EX", REBUILD_S_MAX]]);
    let count = 0;
    const read = await readTopic(async (tickers) => {
      count += tickers.length;
      await latest.put({ ...NO_WORK, tickers });
    }, signal);
    if (!read || latest.away) return false;
    const answers = await pipelined(redis, [
      ["EVAL", FINISH, 1, keys.tickersState, mine, TICKERS_WHOLE],
    ]);
    if (answers[0] !== 1) return false;
    observe.rebuilt(count);
    return true;
  }
}
