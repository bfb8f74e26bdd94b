import { Redis } from "ioredis";
import { backoffMs } from "#core/backoff.ts";
import { reason } from "#core/failure.ts";
import type { Log } from "./log.ts";

export type { Redis };

export interface RedisSettings {
  /** `redis://:password@host:port` */
  readonly url: string;
  /** Shown by CLIENT LIST. */
  readonly connectionName: string;
  /** A command without an answer for this long fails; the server may still carry it out. */
  readonly commandTimeoutMs: number;
  /** Commands of the same turn of the event loop go out in one write. */
  readonly gathered?: boolean;
}

/**
 * A connection that is made again after a loss, for ever. While it is away every command fails at once: nothing queues
 * here, since whoever writes knows better what may be dropped, and whoever reads has PostgreSQL.
 */
export function redisClient(settings: RedisSettings, log: Log): Redis {
  const redis = new Redis(settings.url, {
    connectionName: settings.connectionName,
    commandTimeout: settings.commandTimeoutMs,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: settings.gathered ?? false,
    retryStrategy: (attempt) => backoffMs({ firstMs: 50, maxMs: 1_000 }, attempt, Math.random()),
  });
  redis.on("error", (error: unknown) => {
    log.debug({ event: "redis_error", reason: reason(error) }, "Redis connection lost or refused");
  });
  return redis;
}

/**
 * Sends commands in one write and waits for all answers.
 *
 * @throws the connection's error, or the first command's
 */
export async function pipelined(
  redis: Redis,
  commands: readonly (readonly [name: string, ...args: (string | number)[]])[],
): Promise<readonly unknown[]> {
  const pipeline = redis.pipeline();
  for (const [name, ...args] of commands) pipeline.call(name, ...args.map(String));
  const answers = await pipeline.exec();
  return (answers ?? []).map(([error, answer]) => {
    if (error !== null) throw error;
    return answer;
  });
}
