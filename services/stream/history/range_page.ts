import { Buffer } from "node:buffer";
import type { Candle } from "#core/candle.ts";
import type { CandleColumns, PartColumns } from "#core/candle_page.ts";
import { bucketEndMs, type Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";
import { decodeRangedRollup, type RangedRollup, type RangedSecond } from "#core/range_set.ts";
import type { Revision } from "#core/revision.ts";
import type { CandleRequest } from "./candle_request.ts";
import { FORMING, type Forming, VALUES } from "./rollup_page.ts";

type ColumnName = keyof CandleColumns;
type Texts = Readonly<Record<ColumnName, string>>;

const NAMES = Object.keys(FORMING) as readonly ColumnName[];

/**
 * The stored rows of a roll-up page, made once for each state of its range: columns as JSON without their newest row, which
 * the next second may replace.
 */
export interface RollupBase {
  readonly head: string;
  /** Rows in `older`. */
  readonly size: number;
  readonly older: Texts;
  /** The newest row that is no tombstone. */
  readonly last: RangedRollup;
  readonly lastTexts: Texts;
  /** The newest row. */
  readonly newest: RangedRollup;
  /** Whether the range has rows before the first of these. */
  readonly more: boolean;
  /** Rows that are none, by start. */
  readonly gone: ReadonlyMap<number, Revision>;
  /** Start of the oldest of all these. */
  readonly sinceMs: number;
}

/**
 * @param rows of the range, as they stand in Redis
 * @param rangeMore whether older rows exist than the range has
 * @returns null when the range is too short for the request, or has no row
 */
export function rollupBase(
  { interval, count }: CandleRequest,
  head: string,
  rows: readonly string[],
  rangeMore: boolean,
): RollupBase | null {
  const alive: RangedRollup[] = [];
  const gone = new Map<number, Revision>();
  let newest: RangedRollup | null = null;
  let at = rows.length - 1;
  for (; at >= 0 && alive.length < count; at--) {
    const row = decodeRangedRollup(rows[at]!);
    newest ??= row;
    if (row.deleted) gone.set(row.startsAtMs, row.revision);
    else alive.push(row);
  }
  const last = alive.shift();
  if (last === undefined || (alive.length + 1 < count && rangeMore)) return null;
  alive.reverse();
  const lists = Object.fromEntries(NAMES.map((name) => [name, [] as string[]])) as Record<
    ColumnName,
    string[]
  >;
  for (const row of alive) addStored(lists, interval, row);
  const lastLists = Object.fromEntries(NAMES.map((name) => [name, [] as string[]])) as Record<
    ColumnName,
    string[]
  >;
  addStored(lastLists, interval, last);
  // what is left may be tombstones alone
  const more = rangeMore || rows.slice(0, at + 1).some((row) => !row.endsWith("t"));
  return {
    head,
    size: alive.length,
    older: joined(lists),
    last,
    lastTexts: joined(lastLists),
    newest: newest!,
    more,
    gone,
    sinceMs: Math.min((alive[0] ?? last).startsAtMs, ...gone.keys()),
  };
}

function addStored(
  lists: Readonly<Record<ColumnName, string[]>>,
  interval: Interval,
  row: RangedRollup,
): void {
  lists.starts_at_ms.push(String(row.startsAtMs));
  lists.open.push(row.open);
  lists.high.push(row.high);
  lists.low.push(row.low);
  lists.close.push(row.close);
  lists.volume.push(row.volume);
  lists.turnover.push(row.turnover);
  lists.last_tick_at_ms.push(row.lastTickAtMs);
  lists.received_at_ms.push("null");
  lists.origin.push("null");
  lists.revisions.push("null");
  lists.revision.push(`"${row.revision}"`);
  lists.closed.push(row.untilMs >= bucketEndMs(interval, row.startsAtMs) ? "true" : "false");
  lists.complete.push(row.complete ? "true" : "false");
  lists.until_ms.push(String(row.untilMs));
}

function joined(lists: Readonly<Record<ColumnName, string[]>>): Texts {
  return Object.fromEntries(NAMES.map((name) => [name, lists[name].join(",")])) as Record<
    ColumnName,
    string
  >;
}

/** A stored row as a candle to fold onto. */
export function candleOf(
  market: Market,
  interval: Interval,
  row: RangedRollup | RangedSecond,
): Candle {
  return {
    market,
    interval,
    startsAtMs: row.startsAtMs,
    open: row.open,
    high: row.high,
    low: row.low,
    close: row.close,
    volume: row.volume,
    turnover: row.turnover,
    lastTickAtMs: Number(row.lastTickAtMs),
  };
}

/** The body of a page but for its beginning, see {@link pageHead}. */
export function rollupRest(
  { count }: CandleRequest,
  base: RollupBase,
  forming: readonly Forming[],
  parts: readonly RangedSecond[],
): Buffer {
  const replaced = forming[0]?.startsAtMs === base.last.startsAtMs;
  const kept = base.size + (replaced ? 0 : 1);
  const surplus = Math.max(0, kept + forming.length - count);
  let text = `,"more":${base.more || surplus > 0},"columns":{`;
  for (const name of NAMES) {
    const older = without(base.older[name], Math.min(surplus, base.size), base.size);
    const values: string[] = older === "" ? [] : [older];
    if (!replaced && surplus <= base.size) values.push(base.lastTexts[name]);
    for (const candle of forming.slice(Math.max(0, surplus - kept))) {
      values.push(FORMING[name](candle));
    }
    text += `${name === NAMES[0] ? "" : ","}"${name}":[${values.join(",")}]`;
  }
  return Buffer.from(`${text}},"folded":${foldedJson(base, parts)}}`, "latin1");
}

/** @returns the column without its first values */
function without(column: string, values: number, size: number): string {
  if (values === size) return "";
  let from = 0;
  for (let left = values; left > 0; left--) from = column.indexOf(",", from) + 1;
  return from === 0 ? column : column.slice(from);
}

/** The beginning of a page: what changes with each mark. */
export function pageHead({ market, interval }: CandleRequest, knownUntilMs: number): string {
  return `{"market":"${market}","interval":"${interval}","known_until_ms":${knownUntilMs}`;
}

const PARTS: Readonly<Record<keyof PartColumns, (part: RangedSecond) => string>> = {
  ...VALUES,
  interval: () => `"1s"`,
};

function foldedJson({ newest, lastTexts }: RollupBase, parts: readonly RangedSecond[]): string {
  const stored = NAMES.map((name) => `"${name}":[${newest.deleted ? "" : lastTexts[name]}]`);
  const columns = Object.entries(PARTS).map(([name, value]) =>
    `"${name}":[${parts.map(value).join(",")}]`
  );
  return `{"since_ms":${newest.untilMs},"stored":{${stored.join(",")}},"parts":{${
    columns.join(",")
  }}}`;
}

/** Seconds of a page: what does not depend on the feed, made once for each state of the range. */
export interface SecondsBase {
  readonly head: string;
  /** As they stand in Redis, and decoded, tombstones among them. */
  readonly lines: readonly string[];
  readonly all: readonly RangedSecond[];
  /** Of the page. */
  readonly rows: readonly RangedSecond[];
  readonly more: boolean;
  readonly gone: ReadonlyMap<number, Revision>;
  readonly sinceMs: number;
  /** Columns but for closed and complete, as JSON. */
  readonly columns: string;
}

/** @param rows alive and not, oldest first, decoded of the lines @returns null when the range is too short for the request */
export function secondsBase(
  { count }: CandleRequest,
  head: string,
  lines: readonly string[],
  rows: readonly RangedSecond[],
  rangeMore: boolean,
): SecondsBase | null {
  const alive: RangedSecond[] = [];
  const gone = new Map<number, Revision>();
  let at = rows.length - 1;
  for (; at >= 0 && alive.length < count; at--) {
    const row = rows[at]!;
    if (row.deleted) gone.set(row.startsAtMs, row.revision);
    else alive.push(row);
  }
  if (alive.length < count && rangeMore) return null;
  const more = rangeMore || rows.slice(0, at + 1).some(({ deleted }) => !deleted);
  alive.reverse();
  const columns = Object.entries(SECONDS).map(([name, value]) => {
    let text = "";
    for (const row of alive) text += text === "" ? value(row) : `,${value(row)}`;
    return `"${name}":[${text}]`;
  });
  return {
    head,
    lines,
    all: rows,
    rows: alive,
    more,
    gone,
    sinceMs: more ? Math.min(alive[0]?.startsAtMs ?? Infinity, ...gone.keys()) : 0,
    columns: columns.join(","),
  };
}

const SECOND_MS = 1_000;

const SECONDS: Readonly<
  Record<Exclude<ColumnName, "closed" | "complete">, (row: RangedSecond) => string>
> = {
  ...VALUES,
  received_at_ms: ({ receivedAtMs }) => receivedAtMs,
  origin: ({ origin }) => `"${origin}"`,
  revisions: ({ revisions }) => revisions,
  until_ms: ({ startsAtMs }) => String(startsAtMs + SECOND_MS),
};

/**
 * Closed and complete of each second, as JSON columns.
 *
 * @param isCovered whether a running session saw the second
 */
export function secondsFlags(
  rows: readonly RangedSecond[],
  knownUntilMs: number,
  isCovered: (sinceMs: number, untilMs: number) => boolean,
): string {
  const closed: boolean[] = [];
  const complete: boolean[] = [];
  for (const { startsAtMs, receivedAtMs, covered } of rows) {
    const endMs = startsAtMs + SECOND_MS;
    closed.push(knownUntilMs > endMs && knownUntilMs > Number(receivedAtMs));
    complete.push(covered === "t" || (covered === "-" && isCovered(startsAtMs, endMs)));
  }
  return `"closed":[${closed.join(",")}],"complete":[${complete.join(",")}]`;
}

export function secondsRest({ columns, more }: SecondsBase, flags: string): Buffer {
  return Buffer.from(`,"more":${more},"columns":{${columns},${flags}}}`, "latin1");
}
