import type { Database } from "#adapters/postgres.ts";
import { interval } from "#core/interval.ts";
import { type Market, market } from "#core/market.ts";
import type { Want, WantKind } from "./want.ts";

/** Of this database, so of a namespace: whoever holds it is the one that asks the exchange. */
const LOCK = "stofka_repair";

/**
 * What is missing, from PostgreSQL, for the one process that may ask for it; null for the others.
 *
 * The lock is the session's, taken again before each question: after a lost connection it is either ours again or another's.
 *
 * @param database of one connection
 * @param markets in the order of their importance
 */
export async function missing(
  database: Database,
  atMs: number,
  markets: readonly Market[],
  rowsMax: number,
): Promise<readonly Want[] | null> {
  const [lock] = await database`SELECT pg_try_advisory_lock(hashtext(${LOCK})) AS held`;
  if (lock!["held"] !== true) return null;
  const rows = await database`
    SELECT kind, market, interval,
      (extract(epoch FROM since) * 1000)::bigint::text AS since,
      (extract(epoch FROM until) * 1000)::bigint::text AS until
    FROM repair_wanted(${new Date(atMs).toISOString()}::text::timestamptz, ${rowsMax}, ${[
    ...markets,
  ]}::text[])`;
  return rows.map((row) => wantOf(row["kind"] as WantKind, row));
}

/**
 * What is to be compared with the exchange, most urgent first. For the one who may ask: {@link missing} says who.
 *
 * @param markets most traded first
 */
export async function uncompared(
  database: Database,
  atMs: number,
  markets: readonly Market[],
  rowsMax: number,
): Promise<readonly Want[]> {
  const rows = await database`
    SELECT market, interval,
      (extract(epoch FROM since) * 1000)::bigint::text AS since,
      (extract(epoch FROM until) * 1000)::bigint::text AS until
    FROM parity_wanted(${new Date(atMs).toISOString()}::text::timestamptz, ${rowsMax}, ${[
    ...markets,
  ]}::text[])`;
  return rows.map((row) => wantOf("parity", row));
}

function wantOf(kind: WantKind, row: Readonly<Record<string, unknown>>): Want {
  return {
    kind,
    market: market(row["market"] as string),
    interval: interval(row["interval"] as string),
    sinceMs: Number(row["since"]),
    untilMs: Number(row["until"]),
  };
}
