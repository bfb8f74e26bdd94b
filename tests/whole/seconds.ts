import type { Sql } from "postgres";
import { exactJson, plain } from "./exact.ts";

/** A second candle as the tests compare them, whatever it was read from: decimals in one spelling. */
export interface Second {
  readonly market: string;
  readonly startsAtMs: number;
  readonly lastTickAtMs: number;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string;
  readonly turnover: string;
}

/** By `market startsAtMs`. */
export type Seconds = ReadonlyMap<string, Second>;

export function keyOf({ market, startsAtMs }: Pick<Second, "market" | "startsAtMs">): string {
  return `${market} ${startsAtMs}`;
}

export interface StoredSecond extends Second {
  readonly origin: string;
  readonly revisions: number;
  readonly receivedAtMs: number;
}

/** The rows of the table that start in [sinceMs, untilMs). */
export async function storedSeconds(
  database: Sql,
  sinceMs: number,
  untilMs: number,
): Promise<ReadonlyMap<string, StoredSecond>> {
  const rows = await database`
    SELECT market, open::text, high::text, low::text, close::text, volume::text, turnover::text,
      (extract(epoch FROM starts_at) * 1000)::bigint::text AS starts_at,
      (extract(epoch FROM last_tick_at) * 1000)::bigint::text AS last_tick_at,
      (extract(epoch FROM received_at) * 1000)::bigint::text AS received_at,
      origin::text, revisions
    FROM market_candle_1s
    WHERE starts_at >= to_timestamp(${sinceMs / 1000}::float8)
      AND starts_at < to_timestamp(${untilMs / 1000}::float8) AND NOT deleted`;
  return new Map(rows.map((row) => {
    const second: StoredSecond = {
      market: row["market"],
      startsAtMs: Number(row["starts_at"]),
      lastTickAtMs: Number(row["last_tick_at"]),
      open: row["open"],
      high: row["high"],
      low: row["low"],
      close: row["close"],
      volume: row["volume"],
      turnover: row["turnover"],
      origin: row["origin"],
      revisions: row["revisions"],
      receivedAtMs: Number(row["received_at"]),
    };
    return [keyOf(second), second];
  }));
}

/** What the exchange itself says of these markets' seconds in [sinceMs, untilMs): its trades summed by code of its own. */
export async function ledgerSeconds(
  control: string,
  markets: readonly string[],
  sinceMs: number,
  untilMs: number,
): Promise<Seconds> {
  const seconds = new Map<string, Second>();
  for (const market of markets) {
    const query = new URLSearchParams({ market, since: `${sinceMs}`, until: `${untilMs}` });
    const answer = await fetch(`${control}/ledger?${query}`);
    if (!answer.ok) throw new Error(`ledger of ${market}: ${await answer.text()}`);
    for (const row of exactJson(await answer.text()) as Record<string, string>[]) {
      const second: Second = {
        market,
        startsAtMs: Number(row["starts_at_ms"]),
        lastTickAtMs: Number(row["last_tick_at_ms"]),
        open: plain(row["open"]!),
        high: plain(row["high"]!),
        low: plain(row["low"]!),
        close: plain(row["close"]!),
        volume: plain(row["volume"]!),
        turnover: plain(row["turnover"]!),
      };
      seconds.set(keyOf(second), second);
    }
  }
  return seconds;
}

/** Markets that the exchange lists. */
export async function listedMarkets(rest: string): Promise<string[]> {
  const list = await (await fetch(`${rest}/market/all`)).json() as { market: string }[];
  return list.map(({ market }) => market);
}

export interface Difference {
  /** True seconds that are not held. */
  readonly missing: readonly Second[];
  /** Held seconds that are not true. */
  readonly invented: readonly Second[];
  /** Held with other digits. */
  readonly different: readonly { readonly truth: Second; readonly held: Second }[];
}

const FIELDS = [
  "market",
  "startsAtMs",
  "lastTickAtMs",
  "open",
  "high",
  "low",
  "close",
  "volume",
  "turnover",
] as const;

export function difference(truth: Seconds, held: Seconds): Difference {
  const missing: Second[] = [];
  const different: { truth: Second; held: Second }[] = [];
  for (const [key, second] of truth) {
    const other = held.get(key);
    if (other === undefined) missing.push(second);
    else if (FIELDS.some((field) => second[field] !== other[field])) {
      different.push({ truth: second, held: other });
    }
  }
  const invented = [...held].filter(([key]) => !truth.has(key)).map(([, second]) => second);
  return { missing, invented, different };
}

/** Nothing missing, nothing invented, nothing different. */
export const SAME: Difference = { missing: [], invented: [], different: [] };
