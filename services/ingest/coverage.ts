import { assert } from "#core/assert.ts";
import type { BreakCause, Mark } from "#core/mark.ts";
import type { Market } from "#core/market.ts";
import { partitionOf } from "#core/partition.ts";
import { PARTITIONS } from "#core/topics.ts";

/** What a mark may say now. A value; every step makes a new one. */
export interface Coverage {
  readonly link: "up" | "down";
  readonly cause: BreakCause;
  readonly session: OpenSession | null;
}

export interface OpenSession {
  readonly id: string;
  readonly sinceMs: number;
  /** The session's markets of each partition, by partition. */
  readonly marketsByPartition: readonly (readonly Market[])[];
}

export const STARTED: Coverage = { link: "down", cause: "started", session: null };

export function linkUp(coverage: Coverage): Coverage {
  return { ...coverage, link: "up" };
}

/** @param sinceMs from when on everything the exchange sends for the markets reaches us */
export function opened(
  coverage: Coverage,
  id: string,
  markets: readonly Market[],
  sinceMs: number,
): Coverage {
  assert(coverage.session === null, "one session at a time", id);
  const marketsByPartition: Market[][] = Array.from({ length: PARTITIONS }, () => []);
  for (const market of markets) marketsByPartition[partitionOf(market)]!.push(market);
  return { ...coverage, session: { id, sinceMs, marketsByPartition } };
}

/** After the session's last marks were made by {@link marks} with `ended`. */
export function broken(link: "up" | "down", cause: BreakCause): Coverage {
  return { link, cause, session: null };
}

/**
 * One mark for each partition, by partition.
 *
 * @param proofMs when the link last proved that nothing sent before is still on its way
 * @param end the session's end: its last marks
 */
export function marks(
  { link, cause, session }: Coverage,
  proofMs: number,
  nowMs: number,
  end: { readonly link: "up" | "down"; readonly cause: BreakCause } | null = null,
): readonly Mark[] {
  const head = { writtenAtMs: nowMs, link: end?.link ?? link, cause: end?.cause ?? cause };
  return Array.from({ length: PARTITIONS }, (_, partition) => ({
    ...head,
    session: session === null ? null : {
      id: session.id,
      markets: session.marketsByPartition[partition]!,
      sinceMs: session.sinceMs,
      untilMs: Math.max(session.sinceMs, Math.min(proofMs, nowMs)),
      ended: end !== null,
    },
  }));
}
