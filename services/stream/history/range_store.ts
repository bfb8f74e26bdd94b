import { createHash } from "node:crypto";
import type { Redis } from "#adapters/redis.ts";
import { reason } from "#core/failure.ts";
import type { Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";
import { partitionOf } from "#core/partition.ts";
import type { RedisKeys } from "#core/redis_keys.ts";
import { FILL, LEASE, READ_ROLLUPS, READ_SECONDS } from "./range_scripts.ts";

/** What Redis holds of a range; `rows` is null where the reader holds them already. */
export interface RangeRead {
  /** Null: there is no such range. */
  readonly head: string | null;
  readonly rows: string | null;
}

export interface RollupsRead {
  readonly feed: string | null;
  readonly relayed: string | null;
  readonly rollups: RangeRead;
  readonly seconds: RangeRead;
}

export interface SecondsRead {
  readonly feed: string | null;
  readonly seconds: RangeRead;
}

/** A right to fill: what was read after it was taken, and before anything changed, may be written. */
export interface Lease {
  readonly token: string;
  readonly feed: string | null;
  readonly relayed: string | null;
}

/** A range as PostgreSQL has it. */
export interface Filling {
  readonly head: string;
  readonly rows: readonly string[];
  /** Whether some second is not covered for a reason that may pass. */
  readonly provisional: boolean;
}

export interface RangeStoreOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  /** ms, any origin, never back. */
  readonly monotonicMs: () => number;
  readonly chance: () => number;
  /** A text nobody drew before. */
  readonly token: () => string;
  readonly failed: (reason: string) => void;
}

/** A fill that takes longer is not written. */
const LEASE_MS = 10_000;
/** A filled range is read again after this time, a tenth of it more or less: what no rule foresaw ends with it. */
const RANGE_MS = 3_600_000;
/** The same, where something is not covered: an answer of the exchange may come to cover it, also without a row. */
const PROVISIONAL_MS = 30_000;
/** After a failure nobody asks for so long. */
const AWAY_MS = 1_000;

/** The ranges in Redis, a round trip a call. After a failure it counts as away for a second, and fails at once. */
export class RangeStore {
  readonly #options: RangeStoreOptions;
  readonly #scripts = scriptTexts();
  #awayUntilMs = -Infinity;
  #fullUntilMs = -Infinity;

  constructor(options: RangeStoreOptions) {
    this.#options = options;
  }

  get away(): boolean {
    return this.#options.monotonicMs() < this.#awayUntilMs;
  }

  /** @returns null when Redis did not answer in time or with an error */
  async readRollups(
    market: Market,
    interval: Interval,
    heldRollups: string,
    heldSeconds: string,
  ): Promise<RollupsRead | null> {
    const { keys } = this.#options;
    const answer = await this.#run("readRollups", [
      keys.range(interval, market),
      keys.range("1s", market),
      keys.feed,
      keys.relayed,
    ], [String(partitionOf(market)), heldRollups, heldSeconds]);
    if (answer === null) return null;
    const [feed, relayed, head, rows, secondHead, seconds] = answer as (string | null)[];
    return {
      feed: feed ?? null,
      relayed: relayed ?? null,
      rollups: { head: head ?? null, rows: rows ?? null },
      seconds: { head: secondHead ?? null, rows: seconds ?? null },
    };
  }

  async readSeconds(market: Market, held: string, rowsMax: number): Promise<SecondsRead | null> {
    const { keys } = this.#options;
    const answer = await this.#run("readSeconds", [keys.range("1s", market), keys.feed], [
      String(partitionOf(market)),
      held,
      String(-rowsMax),
    ]);
    if (answer === null) return null;
    const [feed, head, rows] = answer as (string | null)[];
    return { feed: feed ?? null, seconds: { head: head ?? null, rows: rows ?? null } };
  }

  async lease(market: Market, intervals: readonly Interval[]): Promise<Lease | null> {
    const { keys } = this.#options;
    const token = this.#options.token();
    const leases = intervals.map((interval) => keys.lease(interval, market));
    const answer = await this.#run("lease", [keys.feed, keys.relayed, ...leases], [
      String(partitionOf(market)),
      token,
      String(LEASE_MS),
    ]);
    if (answer === null) return null;
    const [feed, relayed] = answer as (string | null)[];
    return { token, feed: feed ?? null, relayed: relayed ?? null };
  }

  /** @returns whether the range is now what was read */
  async fill(
    market: Market,
    interval: Interval,
    { token }: Lease,
    { head, rows, provisional }: Filling,
  ): Promise<boolean> {
    const { keys, chance } = this.#options;
    const ms = Math.round((provisional ? PROVISIONAL_MS : RANGE_MS) * (0.9 + 0.2 * chance()));
    const answer = await this.#run(
      "fill",
      [keys.range(interval, market), keys.lease(interval, market)],
      [token, String(ms), head, ...rows],
    );
    return answer === 1;
  }

  async #run(
    script: Script,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    const { redis, monotonicMs, failed } = this.#options;
    const fills = script === "lease" || script === "fill";
    if (this.away || (fills && monotonicMs() < this.#fullUntilMs)) return null;
    const { text, sha } = this.#scripts[script];
    const rest = [keys.length, ...keys, ...args] as const;
    try {
      try {
        return await redis.evalsha(sha, ...rest);
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
        return await redis.eval(text, ...rest);
      }
    } catch (error) {
      failed(reason(error));
      // memory is full: it refuses what writes, and still reads
      const full = fills && error instanceof Error && error.name === "ReplyError";
      if (full) this.#fullUntilMs = monotonicMs() + AWAY_MS;
      else this.#awayUntilMs = monotonicMs() + AWAY_MS;
      return null;
    }
  }
}

type Script = "readRollups" | "readSeconds" | "lease" | "fill";

interface ScriptText {
  readonly text: string;
  readonly sha: string;
}

function scriptTexts(): Readonly<Record<Script, ScriptText>> {
  const named = (text: string): ScriptText => ({
    text,
    sha: createHash("sha1").update(text).digest("hex"),
  });
  return {
    readRollups: named(READ_ROLLUPS),
    readSeconds: named(READ_SECONDS),
    lease: named(LEASE),
    fill: named(FILL),
  };
}
