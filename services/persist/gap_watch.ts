import { Gauge, type Registry } from "prom-client";
import type { Database } from "#adapters/postgres.ts";
import { GAP_CAUSES, type GapCause } from "#core/gap.ts";
import type { Worker } from "#core/lifecycle.ts";
import { recurring } from "./recurring.ts";

/** Seconds that are missing now, summed over the markets; causes that left none are absent. */
export interface GapSeconds {
  readonly cause: GapCause;
  /** Nobody can give them any more. */
  readonly permanent: boolean;
  readonly seconds: number;
}

/** How far back gaps are added up: as long as seconds are kept unless somebody says otherwise. */
const DAYS = 7;
/** Gaps that are looked at: what is older gives way. */
const GAPS_MAX = 10_000;

/** What `gaps()` of sql/ finds missing within the last seven days. */
export async function gapSeconds(
  database: Database,
  nowMs: number,
): Promise<readonly GapSeconds[]> {
  const at = new Date(nowMs).toISOString();
  const rows = await database`
    SELECT g.cause, g.permanent,
      sum(extract(epoch FROM g.until - g.since) * cardinality(g.markets))::float8 AS seconds
    FROM gaps(${at}::text::timestamptz, ${at}::text::timestamptz - ${DAYS} * interval '24 hours',
      ${at}::text::timestamptz, NULL, '1s', ${GAPS_MAX}) AS g
    GROUP BY g.cause, g.permanent`;
  return rows.map((row) => ({
    cause: row["cause"] as GapCause,
    permanent: row["permanent"] as boolean,
    seconds: row["seconds"] as number,
  }));
}

/** What an operator sees of it. While it is not known, all of it is absent. */
export class GapGauge {
  readonly #seconds: Gauge<"cause" | "permanent">;

  constructor(registry: Registry) {
    this.#seconds = new Gauge({
      name: "stofka_gap_seconds",
      help:
        "Seconds of the last seven days that are missing now, summed over the markets, by cause (as in /api/gaps) and whether it is permanent (yes: the exchange no longer gives them, or we no longer keep them). Asked once a minute.",
      labelNames: ["cause", "permanent"],
      registers: [registry],
    });
  }

  show(found: readonly GapSeconds[]): void {
    // a gap that was closed stands at 0 rather than where it stood
    for (const cause of GAP_CAUSES) {
      for (const permanent of ["yes", "no"]) this.#seconds.set({ cause, permanent }, 0);
    }
    for (const { cause, permanent, seconds } of found) {
      this.#seconds.set({ cause, permanent: permanent ? "yes" : "no" }, seconds);
    }
  }

  unknown(): void {
    this.#seconds.reset();
  }
}

const PERIOD_MS = 60_000;

export interface GapWatchOptions {
  readonly database: Database;
  readonly gauge: GapGauge;
  readonly nowMs: () => number;
  readonly onAway: (reason: string) => void;
}

/** Asks once a minute. By persist, which holds the history: no reader's replica waits for it, and ingest may lack a database. */
export function gapWatch({ database, gauge, nowMs, onAway }: GapWatchOptions): Worker {
  return recurring({
    name: "gap watch",
    step: async () => {
      gauge.show(await gapSeconds(database, nowMs()));
      return PERIOD_MS;
    },
    againMs: PERIOD_MS,
    onAway: (reason) => {
      gauge.unknown();
      onAway(reason);
    },
  });
}
