import { Gauge, type Registry } from "prom-client";
import type { Database } from "#adapters/postgres.ts";
import { agreeingShare } from "#core/parity.ts";
import type { Worker } from "#core/lifecycle.ts";
import { recurring } from "../recurring.ts";

/** How the ledger of parity stands. */
export interface ParityState {
  /** Of the candles that start within the hours, how many equal the exchange's; null when none was compared. */
  readonly shares: Readonly<Record<ParityWindow, number | null>>;
  readonly open: number;
  readonly confirmed: number;
  /** How long ago the newest compared second ends, of the market that waits longest; null when nothing was compared. */
  readonly behindS: number | null;
}

/** The running hour and the one before it; the running one and the 24 before it. */
export const PARITY_WINDOWS = { "1h": 1, "24h": 24 } as const;
export type ParityWindow = keyof typeof PARITY_WINDOWS;

export async function parityState(database: Database, nowMs: number): Promise<ParityState> {
  const at = new Date(nowMs).toISOString();
  const share = async (hours: number): Promise<number | null> => {
    const [row] = await database`
      SELECT coalesce(sum(matched + rounded + agreed), 0)::float8 AS equal, coalesce(sum(differing), 0)::float8 AS differing
      FROM parity_counts(date_trunc('hour', ${at}::text::timestamptz, 'UTC') - ${hours} * interval '1 hour',
        ${at}::text::timestamptz)`;
    return agreeingShare(row!["equal"] as number, row!["differing"] as number);
  };
  const [row] = await database`
    SELECT (SELECT count(*) FROM parity_difference WHERE state = 'open')::int AS open,
      (SELECT count(*) FROM parity_difference WHERE state = 'confirmed')::int AS confirmed,
      (SELECT extract(epoch FROM ${at}::text::timestamptz - min(upper(c.compared)))
        FROM parity_compared c JOIN market m ON m.market = c.market AND m.delisted_at IS NULL
        WHERE c.interval = '1s' AND NOT isempty(c.compared))::float8 AS behind`;
  return {
    shares: { "1h": await share(PARITY_WINDOWS["1h"]), "24h": await share(PARITY_WINDOWS["24h"]) },
    open: row!["open"] as number,
    confirmed: row!["confirmed"] as number,
    behindS: row!["behind"] as number | null,
  };
}

/** What an operator sees of it. Values that are not known are absent. */
export class ParityGauges {
  readonly #shares: Gauge<"window">;
  readonly #rows: Gauge<"state">;
  readonly #behind: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#shares = new Gauge({
      name: "stofka_persist_parity_share_ratio",
      help:
        "Share of compared candles that equal the exchange's, by window: 1h (the running hour and the one before), 24h (and the 24 before). What was corrected counts as differing; what agrees and is partly the exchange's own counts for nothing.",
      labelNames: ["window"],
      registers,
    });
    this.#rows = new Gauge({
      name: "stofka_persist_parity_difference_rows",
      help:
        "Candles that differ from the exchange's, by state: open (it is asked again), confirmed (a roll-up that two equal answers contradict).",
      labelNames: ["state"],
      registers,
    });
    this.#behind = new Gauge({
      name: "stofka_persist_parity_behind_seconds",
      help: "Age of the newest compared second, of the market that waits longest.",
      registers,
    });
  }

  show({ shares, open, confirmed, behindS }: ParityState): void {
    for (const [window, share] of Object.entries(shares)) {
      if (share === null) this.#shares.remove({ window });
      else this.#shares.set({ window }, share);
    }
    this.#rows.set({ state: "open" }, open);
    this.#rows.set({ state: "confirmed" }, confirmed);
    if (behindS !== null) this.#behind.set(behindS);
  }
}

/** Above it the differences of the oldest candles are forgotten: about 200 MB. */
const DIFFERENCES_MAX = 200_000;
const PERIOD_MS = 30_000;
const SWEEP_MS = 3_600_000;

export interface ParityWatchOptions {
  readonly database: Database;
  readonly gauges: ParityGauges;
  readonly nowMs: () => number;
  readonly onAway: (reason: string) => void;
}

/** Shows the ledger's state every 30 s, and keeps it within its limits. */
export function parityWatch({ database, gauges, nowMs, onAway }: ParityWatchOptions): Worker {
  let sweptAtMs = -Infinity;
  return recurring({
    name: "parity watch",
    step: async () => {
      gauges.show(await parityState(database, nowMs()));
      if (nowMs() - sweptAtMs >= SWEEP_MS) {
        const at = new Date(nowMs()).toISOString();
        await database`SELECT parity_keep_house(${at}::text::timestamptz, ${DIFFERENCES_MAX})`;
        sweptAtMs = nowMs();
      }
      return PERIOD_MS;
    },
    againMs: PERIOD_MS,
    onAway,
  });
}
