import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { Part } from "./part.ts";

export interface RedisOptions {
  /** `redis-server` or `valkey-server`. */
  readonly binary: string;
  readonly folder: string;
  readonly port: number;
  readonly password: string;
}

export function redisUrl({ port, password }: Pick<RedisOptions, "port" | "password">): string {
  return `redis://:${password}@127.0.0.1:${port}`;
}

/** Redis with its settings in a file only the owner reads: on the command line every user of the machine saw the password. */
export function redisPart(options: RedisOptions): Part {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const file = join(options.folder, "redis.conf");
  writeFileSync(file, redisSettings(options), { mode: 0o600 });
  chmodSync(file, 0o600);
  return {
    name: "redis",
    command: options.binary,
    args: [file],
    stopSignal: "SIGTERM",
    ready: () => redisReady(redisUrl(options)),
  };
}

/**
 * - Nothing is saved: an old snapshot, restored after a crash, would claim ranges as complete that miss what was written
 *   since. Redis holds nothing that cannot be rebuilt from Kafka and PostgreSQL.
 * - When memory is short only keys that carry an expiry (cached ranges) give way; the latest state never does.
 */
export function redisSettings({ folder, port, password }: RedisOptions): string {
  return [
    "bind 127.0.0.1",
    `port ${port}`,
    "protected-mode yes",
    `requirepass ${password}`,
    `dir ${JSON.stringify(folder)}`,
    "daemonize no",
    'save ""',
    "appendonly no",
    "maxmemory 1gb",
    "maxmemory-policy volatile-ttl",
    "lazyfree-lazy-eviction yes",
    "lazyfree-lazy-expire yes",
    "tcp-keepalive 60",
    "loglevel notice",
    "",
  ].join("\n");
}

/** Rejects while Redis does not answer. */
export async function redisReady(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 1000,
    commandTimeout: 1000,
  });
  client.on("error", () => {}); // connect() rejects with the same
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
