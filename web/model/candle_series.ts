import { newer } from "#core/revision.ts";
import { isIncomplete, type SeriesRow } from "./series_row.ts";

/** Rows kept of one market and interval: ten pages, more than five hours of a busy market's seconds. */
export const SERIES_ROWS_MAX = 20_000;

/** Which end gives way at the limit: the oldest while following the market, the newest while paging back. */
export type GivesWay = "oldest" | "newest";

/** Numbers for drawing only, one entry a row, oldest first. What is shown as digits comes from `rows`. */
export interface DrawColumns {
  readonly startsAtMs: readonly number[];
  readonly open: readonly number[];
  readonly high: readonly number[];
  readonly low: readonly number[];
  readonly close: readonly number[];
  readonly volume: readonly number[];
  /** Roll-ups that are known to lack some of their seconds. */
  readonly incomplete: readonly boolean[];
}

/**
 * The candles of one market and interval, oldest first, unique by start. Whatever the way and the order a candle arrives
 * in, the newest revision stays: pages, the stream's tail and its events are all merged by the same call.
 */
export class CandleSeries {
  readonly #rowsMax: number;
  #rows: SeriesRow[] = [];
  #columns = emptyColumns();
  #version = 0;

  constructor(rowsMax = SERIES_ROWS_MAX) {
    this.#rowsMax = rowsMax;
  }

  get length(): number {
    return this.#rows.length;
  }

  get columns(): DrawColumns {
    return this.#columns;
  }

  /** Grows with every change: a reader that saw this version needs no redraw. */
  get version(): number {
    return this.#version;
  }

  row(at: number): SeriesRow | undefined {
    return this.#rows[at];
  }

  get first(): SeriesRow | undefined {
    return this.#rows[0];
  }

  get last(): SeriesRow | undefined {
    return this.#rows.at(-1);
  }

  /** Index of the first row that starts at or after the time; `length` when there is none. */
  lowerBound(timeMs: number): number {
    const starts = this.#columns.startsAtMs;
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The row of the bucket that starts exactly then. */
  rowAt(startsAtMs: number): SeriesRow | undefined {
    const row = this.#rows[this.lowerBound(startsAtMs)];
    return row?.startsAtMs === startsAtMs ? row : undefined;
  }

  /**
   * Merges rows in any order. An older or equal revision leaves a row's values alone; an equal one that knows of more
   * revisions, or that the row closed, lends that knowledge.
   *
   * @returns how many rows were added or replaced
   */
  merge(rows: readonly SeriesRow[], givesWay: GivesWay = "oldest"): number {
    let changed = 0;
    const added: SeriesRow[] = [];
    for (const row of rows.length > 1 ? newestByStart(rows) : rows) {
      const at = this.lowerBound(row.startsAtMs);
      const held = this.#rows[at];
      if (held?.startsAtMs !== row.startsAtMs) {
        added.push(row);
        continue;
      }
      const merged = mergedRow(held, row);
      if (merged === held) continue;
      this.#set(at, merged);
      changed++;
    }
    if (added.length > 0) this.#add(added);
    this.#giveWay(givesWay);
    if (changed + added.length > 0) this.#version++;
    return changed + added.length;
  }

  /** Takes rows as they are, whatever was held: the caller has compared them. Later ones of an equal start win. */
  put(rows: readonly SeriesRow[], givesWay: GivesWay = "oldest"): void {
    const added = new Map<number, SeriesRow>();
    for (const row of rows) {
      const at = this.lowerBound(row.startsAtMs);
      if (this.#rows[at]?.startsAtMs === row.startsAtMs) this.#set(at, row);
      else added.set(row.startsAtMs, row);
    }
    if (added.size > 0) this.#add([...added.values()].sort((a, b) => a.startsAtMs - b.startsAtMs));
    this.#giveWay(givesWay);
    this.#version++;
  }

  remove(startsAtMs: number): void {
    const at = this.lowerBound(startsAtMs);
    if (this.#rows[at]?.startsAtMs !== startsAtMs) return;
    this.#rows.splice(at, 1);
    for (const column of Object.values(this.#columns)) column.splice(at, 1);
    this.#version++;
  }

  /** Forgets rows that start before the time. */
  dropBefore(timeMs: number): void {
    this.#cut(this.lowerBound(timeMs), this.length);
  }

  clear(): void {
    this.#cut(0, 0);
  }

  #set(at: number, row: SeriesRow): void {
    this.#rows[at] = row;
    this.#columns.startsAtMs[at] = row.startsAtMs;
    this.#columns.incomplete[at] = isIncomplete(row);
    for (const name of NUMBER_COLUMNS) this.#columns[name][at] = Number(row[name]);
  }

  /** Rows that are not held yet, oldest first. */
  #add(added: readonly SeriesRow[]): void {
    const last = this.last;
    if (last === undefined || added[0]!.startsAtMs > last.startsAtMs) {
      for (const row of added) this.#set(this.length, row);
      return;
    }
    // one pass over both: inserting a page of 2,000 row by row would move 20,000 entries 2,000 times
    const merged: SeriesRow[] = [];
    let next = 0;
    for (const row of this.#rows) {
      while (next < added.length && added[next]!.startsAtMs < row.startsAtMs) {
        merged.push(added[next++]!);
      }
      merged.push(row);
    }
    while (next < added.length) merged.push(added[next++]!);
    this.#rows = [];
    this.#columns = emptyColumns();
    merged.forEach((row, at) => this.#set(at, row));
  }

  #giveWay(givesWay: GivesWay): void {
    const over = this.length - this.#rowsMax;
    if (over <= 0) return;
    // a tenth more than needed, so that a full series does not move 20,000 entries for each new second
    const cut = givesWay === "oldest" ? Math.max(over, Math.floor(this.#rowsMax / 10)) : over;
    if (givesWay === "oldest") this.#cut(cut, this.length);
    else this.#cut(0, this.#rowsMax);
  }

  /** Keeps the rows of [from, to). */
  #cut(from: number, to: number): void {
    if (from === 0 && to === this.length) return;
    this.#rows = this.#rows.slice(from, to);
    this.#columns.startsAtMs = this.#columns.startsAtMs.slice(from, to);
    this.#columns.incomplete = this.#columns.incomplete.slice(from, to);
    for (const name of NUMBER_COLUMNS) {
      this.#columns[name] = this.#columns[name].slice(from, to);
    }
    this.#version++;
  }
}

const NUMBER_COLUMNS = ["open", "high", "low", "close", "volume"] as const;

type Columns = Record<(typeof NUMBER_COLUMNS)[number] | "startsAtMs", number[]> & {
  incomplete: boolean[];
};

function emptyColumns(): Columns {
  return { startsAtMs: [], open: [], high: [], low: [], close: [], volume: [], incomplete: [] };
}

function mergedRow(held: SeriesRow, row: SeriesRow): SeriesRow {
  if (newer(row.revision, held.revision)) {
    // an event does not know how often its row was revised before: at least once more than what it replaces
    const revisions = held.revisions === null || row.revisions === null
      ? row.revisions
      : Math.max(row.revisions, held.revisions + 1);
    return { ...row, revisions };
  }
  if (row.revision !== held.revision) return held;
  const revisions = held.revisions === null || row.revisions === null
    ? held.revisions
    : Math.max(held.revisions, row.revisions);
  const closed = held.closed || row.closed;
  const complete = held.complete || row.complete;
  if (
    revisions === held.revisions && closed === held.closed && complete === held.complete
  ) return held;
  return { ...held, revisions, closed, complete };
}

function newestByStart(rows: readonly SeriesRow[]): SeriesRow[] {
  const byStart = new Map<number, SeriesRow>();
  for (const row of rows) {
    const held = byStart.get(row.startsAtMs);
    byStart.set(row.startsAtMs, held === undefined ? row : mergedRow(held, row));
  }
  return [...byStart.values()].sort((a, b) => a.startsAtMs - b.startsAtMs);
}
