import { assert } from "./assert.ts";
import type { CandleValues } from "./candle.ts";
import type { CandleEvent } from "./event/candle_event.ts";
import type { PostgresCandleEvent } from "./event/postgres_candle_event.ts";
import type { Decimal } from "./decimal.ts";
import { newer, type Revision } from "./revision.ts";

/**
 * A cached range as Redis holds it: a list whose first element is the head, and whose others are rows, oldest first. Scripts
 * compare the beginnings of these texts byte by byte; none parses a number.
 *
 * - head: `<complete from>` + `+` (older rows exist) or `.`, then ` <epoch> <version>`
 * - roll-up: `<start><revision> <until>,` and the fields
 * - second: `<start><revision> <revisions>,` and the fields
 *
 * Times are {@link timeText}. The fields are what a page's columns hold, comma separated, decimals with their stored digits.
 */
export interface RangeHead {
  /** Every row that starts at or after it is in the list, tombstones included, ms. */
  readonly completeFromMs: number;
  /** Whether rows before it exist. */
  readonly more: boolean;
  /** The writer's: a range of another epoch has missed a write. */
  readonly epoch: string;
  /** Changes with each change of the list. */
  readonly version: string;
}

/** Rows of one roll-up range; a chart asks for as many at first. */
export const ROLLUPS_RANGED_MAX = 2_000;

export function encodeRangeHead({ completeFromMs, more, epoch, version }: RangeHead): string {
  return `${timeText(completeFromMs)}${more ? "+" : "."} ${epoch} ${version}`;
}

export function decodeRangeHead(text: string): RangeHead {
  const [begin, epoch, version] = text.split(" ");
  return {
    completeFromMs: timeOf(begin!.slice(0, TIME_CHARS)),
    more: begin![TIME_CHARS] === "+",
    epoch: epoch!,
    version: version!,
  };
}

/** A roll-up of a range. */
export interface RangedRollup extends CandleValues {
  readonly startsAtMs: number;
  readonly revision: Revision;
  readonly untilMs: number;
  readonly lastTickAtMs: string;
  readonly complete: boolean;
  readonly deleted: boolean;
}

export function encodeRangedRollup(
  row: Pick<PostgresCandleEvent, Exclude<keyof RangedRollup, "lastTickAtMs">> & {
    readonly lastTickAtMs: number | string;
  },
): string {
  return `${timeText(row.startsAtMs)}${row.revision} ${timeText(row.untilMs)},${row.open},` +
    `${row.high},${row.low},${row.close},${row.volume},${row.turnover},${row.lastTickAtMs},` +
    `${letter(row.complete)},${letter(row.deleted)}`;
}

export function decodeRangedRollup(text: string): RangedRollup {
  const space = text.indexOf(" ");
  const fields = text.slice(space + 1).split(",");
  return {
    startsAtMs: timeOf(text.slice(0, TIME_CHARS)),
    revision: text.slice(TIME_CHARS, space) as Revision,
    untilMs: timeOf(fields[0]!),
    open: fields[1] as Decimal,
    high: fields[2] as Decimal,
    low: fields[3] as Decimal,
    close: fields[4] as Decimal,
    volume: fields[5] as Decimal,
    turnover: fields[6] as Decimal,
    lastTickAtMs: fields[7]!,
    complete: fields[8] === "t",
    deleted: fields[9] === "t",
  };
}

/**
 * Whether a second is covered: `t` and `f` as the fill found it, for good while the range's epoch holds; `-` for one that came
 * after it, or for which no mark had come yet: then the running session of the feed says.
 */
export type CoveredLetter = "t" | "f" | "-";

/** A second of a range. */
export interface RangedSecond extends CandleValues {
  readonly startsAtMs: number;
  readonly revision: Revision;
  /** How often a newer revision replaced an older one: text of a whole number. */
  readonly revisions: string;
  readonly lastTickAtMs: string;
  readonly receivedAtMs: string;
  readonly origin: string;
  readonly covered: CoveredLetter;
  readonly deleted: boolean;
}

export function encodeRangedSecond(row: RangedSecond): string {
  return `${timeText(row.startsAtMs)}${row.revision} ${row.revisions},${row.open},${row.high},` +
    `${row.low},${row.close},${row.volume},${row.turnover},${row.lastTickAtMs},` +
    `${row.receivedAtMs},${row.origin},${row.covered},${letter(row.deleted)}`;
}

/** A second as it comes; the script counts its revisions. */
export function secondToRange(event: CandleEvent, deleted = false): string {
  return encodeRangedSecond({
    ...event,
    revisions: "0",
    lastTickAtMs: String(event.lastTickAtMs),
    receivedAtMs: String(event.receivedAtMs),
    covered: "-",
    deleted,
  });
}

export function decodeRangedSecond(text: string): RangedSecond {
  const space = text.indexOf(" ");
  const fields = text.slice(space + 1).split(",");
  return {
    startsAtMs: timeOf(text.slice(0, TIME_CHARS)),
    revision: text.slice(TIME_CHARS, space) as Revision,
    revisions: fields[0]!,
    open: fields[1] as Decimal,
    high: fields[2] as Decimal,
    low: fields[3] as Decimal,
    close: fields[4] as Decimal,
    volume: fields[5] as Decimal,
    turnover: fields[6] as Decimal,
    lastTickAtMs: fields[7]!,
    receivedAtMs: fields[8]!,
    origin: fields[9]!,
    covered: fields[10] as CoveredLetter,
    deleted: fields[11] === "t",
  };
}

/** Rows to write in one call: one a start, its newest revision, ascending. @param rows texts of {@link RangeHead}'s rows */
export function newestRows(rows: readonly string[]): readonly string[] {
  const newest = new Map<string, string>();
  for (const row of rows) {
    const start = row.slice(0, TIME_CHARS);
    const held = newest.get(start);
    if (held === undefined || newer(identityOf(row), identityOf(held))) newest.set(start, row);
  }
  return [...newest].sort(([a], [b]) => a < b ? -1 : 1).map(([, row]) => row);
}

/** Start and revision of a row. */
function identityOf(row: string): Revision {
  return row.slice(0, row.indexOf(" ")) as Revision;
}

const TIME_CHARS = 9;

/** Nine base-36 digits: fixed width, so that the order of texts is the order of times; enough until the year 5188 in ms. */
export function timeText(ms: number): string {
  assert(Number.isSafeInteger(ms) && ms >= 0 && ms < 36 ** TIME_CHARS, "a range's time", ms);
  return ms.toString(36).padStart(TIME_CHARS, "0");
}

export function timeOf(text: string): number {
  return Number.parseInt(text, 36);
}

function letter(value: boolean): "t" | "f" {
  return value ? "t" : "f";
}
