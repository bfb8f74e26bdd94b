import type { Log } from "#adapters/log.ts";
import { pipelined, redisClient } from "#adapters/redis.ts";
import { Failure } from "#core/failure.ts";
import { type RedisKeys, TICKERS_WHOLE } from "#core/redis_keys.ts";

/** Every field of a hash; empty when there is no such hash. */
export type Hash = Readonly<Record<string, string>>;

export interface RedisSnapshot {
  readonly tickers: Hash;
  readonly candles: Hash;
  /** Whether every ticker of the compacted topic is in it. */
  readonly whole: boolean;
}

const ANSWER_MS_MAX = 3_000;

/**
 * Reads the latest states over a connection of its own, which it closes.
 *
 * @throws Failure `redis_away` when there is no connection within 3 s, or the command's error
 */
export async function readSnapshot(
  url: string,
  keys: RedisKeys,
  log: Log,
): Promise<RedisSnapshot> {
  const redis = redisClient(
    { url, connectionName: "stofka stream", commandTimeoutMs: ANSWER_MS_MAX },
    log,
  );
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Failure("redis_away", `no connection to Redis within ${ANSWER_MS_MAX} ms`));
      }, ANSWER_MS_MAX);
      redis.once("ready", () => {
        clearTimeout(timer);
        resolve();
      });
    });
    // the state last: had a flush come in between, it would be gone
    const [tickers, candles, state] = await pipelined(redis, [
      ["HGETALL", keys.tickers],
      ["HGETALL", keys.candles],
      ["GET", keys.tickersState],
    ]);
    return { tickers: hashOf(tickers), candles: hashOf(candles), whole: state === TICKERS_WHOLE };
  } finally {
    redis.disconnect();
  }
}

/** RESP2 answers with a flat list, RESP3 with a map. */
function hashOf(answer: unknown): Hash {
  if (answer instanceof Map) return Object.fromEntries(answer) as Hash;
  if (!Array.isArray(answer)) return answer as Hash;
  const hash: Record<string, string> = {};
  for (let at = 0; at + 1 < answer.length; at += 2) {
    hash[answer[at] as string] = answer[at + 1] as string;
  }
  return hash;
}
