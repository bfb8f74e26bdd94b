import { newer, type Revision } from "#core/revision.ts";

/** Revisions by start. */
export type Revisions = ReadonlyMap<number, Revision>;

/** Rows remembered over all ranges, about 20 MB. Above it the range shown longest ago is forgotten: its next answer may be older. */
const ROWS_MAX = 200_000;

interface ShownRange {
  /** Start of the newest row. */
  newestMs: number;
  readonly rows: Map<number, Revision>;
}

/**
 * What was answered from PostgreSQL and that Redis may not have yet: persist and the relay write there after PostgreSQL has it. An
 * answer from Redis waits until Redis has caught up, so that no older revision follows a newer one.
 */
export class Shown {
  readonly #ranges = new Map<string, ShownRange>();
  #rows = 0;

  add(range: string, rows: Iterable<readonly [startsAtMs: number, revision: Revision]>): void {
    const held = this.#ranges.get(range) ?? { newestMs: 0, rows: new Map() };
    this.forget(range);
    for (const [startsAtMs, revision] of rows) {
      const before = held.rows.get(startsAtMs);
      if (before === undefined || newer(revision, before)) held.rows.set(startsAtMs, revision);
      held.newestMs = Math.max(held.newestMs, startsAtMs);
    }
    if (held.rows.size === 0) return;
    this.#ranges.set(range, held);
    this.#rows += held.rows.size;
    for (const oldest of this.#ranges.keys()) {
      if (this.#rows <= ROWS_MAX) break;
      this.forget(oldest);
    }
  }

  /** Whether Redis may lack something from this time on: only then its rows have to be looked at. */
  has(range: string, sinceMs: number): boolean {
    const shown = this.#ranges.get(range);
    return shown !== undefined && shown.newestMs >= sinceMs;
  }

  /** Whether the rows, which start at or after the time, are as new as what was shown; if so that is forgotten. */
  caughtUp(range: string, sinceMs: number, rows: Revisions): boolean {
    const shown = this.#ranges.get(range);
    if (shown === undefined) return true;
    for (const [startsAtMs, revision] of shown.rows) {
      if (startsAtMs < sinceMs) continue;
      const held = rows.get(startsAtMs);
      if (held === undefined || newer(revision, held)) return false;
    }
    const older = [...shown.rows].filter(([startsAtMs]) => startsAtMs < sinceMs);
    this.forget(range);
    this.add(range, older);
    return true;
  }

  /** Redis holds exactly these; what was shown since, in a newer revision, stays. */
  held(range: string, rows: Iterable<readonly [startsAtMs: number, revision: Revision]>): void {
    const shown = this.#ranges.get(range);
    if (shown === undefined) return;
    for (const [startsAtMs, revision] of rows) {
      if (shown.rows.get(startsAtMs) !== revision) continue;
      shown.rows.delete(startsAtMs);
      this.#rows--;
    }
    if (shown.rows.size === 0) this.#ranges.delete(range);
  }

  forget(range: string): void {
    this.#rows -= this.#ranges.get(range)?.rows.size ?? 0;
    this.#ranges.delete(range);
  }
}
