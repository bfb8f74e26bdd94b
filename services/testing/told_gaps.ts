import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import type { Gap } from "#core/gap.ts";
import type { Market } from "#core/market.ts";
import { ledgerSeconds, type Second, storedSeconds } from "../../tests/whole/seconds.ts";
import type { GapStack } from "./gap_stack.ts";

/** What is told of breaks once all of it is settled. */
export interface Told {
  /** Of the time since the first break. */
  readonly missed: readonly Second[];
  /** Oldest first. */
  readonly sessions: readonly SessionSpan[];
  /** Newest first. */
  readonly gaps: readonly Gap[];
}

/** @param brokeMs of the first break */
export async function toldSince(stack: GapStack, brokeMs: number): Promise<Told> {
  const settledMs = Math.floor(Date.now() / 1_000) * 1_000 - 4_000;
  await sleep(2_000);
  return {
    missed: await missedSeconds(stack, Math.ceil(brokeMs / 1_000) * 1_000 - 3_000, settledMs),
    sessions: await sessionSpans(stack.owner),
    gaps: await stack.settled(settledMs),
  };
}

/** One gap of all markets for each cause, newest first, and none beside. */
export function expectNamed(
  { markets }: GapStack,
  gaps: readonly Gap[],
  causes: readonly string[],
): void {
  const all = [...markets].sort();
  expect(gaps).toMatchObject(
    causes.map((cause) => ({ cause, markets: all, provisional: false, permanent: false })),
  );
  expect(gaps).toHaveLength(causes.length);
}

/** The seconds that the exchange's own ledger holds and the table does not, of [sinceMs, untilMs). */
async function missedSeconds(
  { exchange, markets, owner }: GapStack,
  sinceMs: number,
  untilMs: number,
): Promise<readonly Second[]> {
  const truth = await ledgerSeconds(exchange.control, markets, sinceMs, untilMs);
  const stored = await storedSeconds(owner as never, sinceMs, untilMs);
  return [...truth].filter(([key]) => !stored.has(key)).map(([, second]) => second);
}

/** Each missed second lies in a gap, and each gap holds at least one: a break that cost nothing would prove nothing. */
export function expectHeld(gaps: readonly Gap[], missed: readonly Second[]): void {
  const within = ({ sinceMs, untilMs, markets }: Gap, { market, startsAtMs }: Second): boolean =>
    markets.includes(market as Market) && startsAtMs >= sinceMs && startsAtMs < untilMs;
  for (const gap of gaps) {
    const count = missed.filter((second) => within(gap, second)).length;
    console.log(`${gap.cause}: ${seconds(gap)} s, ${count} true seconds missed`);
    expect(count).toBeGreaterThan(0);
  }
  expect(missed.filter((second) => !gaps.some((gap) => within(gap, second)))).toEqual([]);
}

function seconds({ sinceMs, untilMs }: Gap): number {
  return (untilMs - sinceMs) / 1_000;
}

/** When a session of all partitions began, and what it proved, ms. */
export interface SessionSpan {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Oldest first. */
async function sessionSpans(owner: Database): Promise<readonly SessionSpan[]> {
  const rows = await owner`
    SELECT (extract(epoch FROM min(since)) * 1000)::float8 AS since,
      (extract(epoch FROM max(until)) * 1000)::float8 AS until
    FROM coverage_session GROUP BY session ORDER BY 1`;
  return rows.map((row) => ({
    sinceMs: row["since"] as number,
    untilMs: row["until"] as number,
  }));
}

/** A gap between two sessions: what neither saw, 5 s more at each end, in whole seconds. */
export function between(
  before: SessionSpan,
  after: SessionSpan,
): Pick<Gap, "sinceMs" | "untilMs"> {
  return {
    sinceMs: Math.floor((before.untilMs - 5_000) / 1_000) * 1_000,
    untilMs: Math.ceil((after.sinceMs + 5_000) / 1_000) * 1_000,
  };
}
