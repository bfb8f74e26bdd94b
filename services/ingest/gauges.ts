import type { Market } from "#core/market.ts";
import type { Asked } from "./asking.ts";
import type { Clock } from "./clock.ts";
import type { Coverage } from "./coverage.ts";
import type { IngestGauges } from "./metrics.ts";
import type { Outbox } from "./outbox.ts";

/** What the collector shows of itself. */
export interface CollectorState {
  readonly coverage: Coverage;
  readonly asked: Asked | null;
  /** On the steady clock, ms. */
  readonly frameAtSteadyMs: number;
  readonly pongAtSteadyMs: number;
}

/** The collector's state as numbers, worked out when somebody looks. */
export function collectorGauges(
  state: CollectorState,
  queue: Outbox["queue"],
  clock: Clock,
): IngestGauges {
  const since = (steadyMs: number): number => (clock.steadyMs() - steadyMs) / 1_000;
  const covered = (): readonly Market[] => state.coverage.session?.marketsByPartition.flat() ?? [];
  return {
    linkUp: () => state.coverage.link === "up",
    secondsSinceFrame: () => since(state.frameAtSteadyMs),
    secondsSincePong: () => since(state.pongAtSteadyMs),
    sessionAgeSeconds: () => {
      const { session } = state.coverage;
      return session === null ? 0 : (clock.nowMs() - session.sinceMs) / 1_000;
    },
    marketsAsked: () => state.asked?.markets.length ?? 0,
    marketsCovered: () => covered().length,
    marketsSilent: () => covered().filter((market) => !state.asked?.seen.has(market)).length,
    outboxRecords: () => queue.records,
    outboxBytes: () => queue.bytes,
    outboxMarks: () => queue.marks,
    outboxLoad: () => queue.load,
  };
}
