import type { Database } from "#adapters/postgres.ts";
import type { Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";

/** A wish for the exchange's own candles, and how far it is fulfilled. Times in ms. */
export interface Wish {
  readonly wish: string;
  readonly market: Market;
  readonly interval: Interval;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly reason: string;
  /** What of it the exchange still gives and we keep, [givenSinceMs, givenUntilMs); the rest before it is gone for ever. */
  readonly givenSinceMs: number;
  readonly givenUntilMs: number;
  /** Of what can be given, 0 to 1. */
  readonly done: number;
}

/** Markets that are listed, most traded first. */
export async function listedMarkets(database: Database): Promise<readonly Market[]> {
  const rows = await database`
    SELECT m.market FROM market m LEFT JOIN LATERAL (
      SELECT c.turnover FROM market_candle c WHERE c.interval = '1d' AND c.market = m.market ORDER BY c.starts_at DESC LIMIT 1
    ) d ON true
    WHERE m.delisted_at IS NULL ORDER BY d.turnover DESC NULLS LAST, m.market`;
  return rows.map((row) => row["market"] as Market);
}

/** Wishes for each market; one that stands there already is the same wish. @returns their numbers */
export async function makeWishes(
  database: Database,
  markets: readonly Market[],
  interval: Interval,
  sinceMs: number,
  untilMs: number,
): Promise<readonly string[]> {
  const rows = await database`
    INSERT INTO exchange_wish (market, interval, since, until, reason)
    SELECT m, ${interval}, ${iso(sinceMs)}::text::timestamptz, ${
    iso(untilMs)
  }::text::timestamptz, 'backfill'
    FROM unnest(${[...markets]}::text[]) AS m
    ON CONFLICT (market, interval, since, until) DO UPDATE SET reason = 'backfill'
    RETURNING wish::text`;
  return rows.map((row) => row["wish"] as string);
}

/** Wishes in the order of their making; null: all. */
export async function readWishes(
  database: Database,
  wishes: readonly string[] | null = null,
): Promise<readonly Wish[]> {
  const rows = await database`
    SELECT w.wish::text, w.market, w.interval, w.reason,
      (extract(epoch FROM w.since) * 1000)::float8 AS since, (extract(epoch FROM w.until) * 1000)::float8 AS until,
      (extract(epoch FROM w.given_since) * 1000)::float8 AS given_since,
      (extract(epoch FROM w.given_until) * 1000)::float8 AS given_until,
      coalesce(least(1, w.given_seconds / nullif(extract(epoch FROM w.given_until - w.given_since), 0)), 1)::float8 AS done
    FROM wish_progress w
    WHERE ${wishes === null} OR w.wish::text = ANY (${[...wishes ?? []]}::text[])
    ORDER BY w.wish`;
  return rows.map((row) => ({
    wish: row["wish"] as string,
    market: row["market"] as Market,
    interval: row["interval"] as Interval,
    sinceMs: row["since"] as number,
    untilMs: row["until"] as number,
    reason: row["reason"] as string,
    givenSinceMs: row["given_since"] as number,
    givenUntilMs: row["given_until"] as number,
    done: row["done"] as number,
  }));
}

/** Takes a wish back; what it has brought stays. @returns whether there was one */
export async function cancelWish(database: Database, wish: string): Promise<boolean> {
  const gone = await database`DELETE FROM exchange_wish WHERE wish = ${wish}::text::bigint`;
  return gone.count > 0;
}

/** What the exchange can no longer give of a wish, in words; null where it gives all. */
export function lostForEver({ market, interval, sinceMs, givenSinceMs }: Wish): string | null {
  if (givenSinceMs <= sinceMs) return null;
  return `${market} ${interval}: ${iso(sinceMs)} to ${iso(givenSinceMs)} is a permanent gap: ${
    interval === "1s"
      ? "the exchange gives seconds of three months only, and older ones than we keep are not stored"
      : "older ones than we keep are not stored"
  }`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
