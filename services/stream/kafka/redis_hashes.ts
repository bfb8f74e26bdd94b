import { Redis } from "ioredis";
import type { HashReader } from "./snapshot.ts";

/** Reads hashes from Redis; a server that is away makes a read fail within seconds instead of queueing it. */
export function redisHashes(url: string): HashReader & { close(): void } {
  const redis = new Redis(url, {
    lazyConnect: true,
    commandTimeout: 2_000,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 1,
    connectionName: "stofka-stream",
  });
  // a lost connection is told by the command that needed it
  redis.on("error", () => {});
  return { hgetall: (key) => redis.hgetall(key), close: () => redis.disconnect() };
}
