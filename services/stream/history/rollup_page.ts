import type { Candle } from "#core/candle.ts";
import type { CandleColumns, PartColumns } from "#core/candle_page.ts";
import type { Decimal } from "#core/decimal.ts";
import { type FoldedCandle, foldOnto } from "#core/fold.ts";
import { bucketEndMs, type Interval } from "#core/interval.ts";
import { candleRevision, type Revision, rollupRevision } from "#core/revision.ts";
import type { CandleRequest } from "./candle_request.ts";
import type { RollupColumns, RollupRows, ValueColumns } from "./rollup_rows.ts";

/** A second may come before the mark that covers it: the newest part of a forming candle is not held against it, ms. */
const MARK_LATE_MS = 3_000;

/** Older than any stored roll-up: whatever comes from the drain replaces a candle that was never stored. */
const UNSTORED = rollupRevision(0, 0);

type Column = readonly string[];
type Columns = Readonly<Record<keyof CandleColumns, Column>>;

/**
 * The body of `GET /api/candles` for intervals above a second, shape `CandlePage` of core/: the stored rows, and behind them
 * what the seconds after the newest row fold to. Decimals are the database's text, unquoted.
 */
export function rollupPageJson(request: CandleRequest, rows: RollupRows): string {
  const { market, interval, toMs, count } = request;
  const stored = storedColumns(interval, rows.stored);
  const forming = formingOf(request, rows);
  const kept = stored.starts_at_ms.length -
    (forming.length > 0 && Number(stored.starts_at_ms.at(-1)) === forming[0]!.startsAtMs ? 1 : 0);
  const surplus = Math.max(0, kept + forming.length - count);
  const whole = mapColumns(
    stored,
    (column, name) =>
      [...column.slice(0, kept), ...forming.map((candle) => FORMING[name](candle))].slice(surplus),
  );
  const more = rows.more || surplus > 0;
  return `{"market":"${market}","interval":"${interval}","known_until_ms":${rows.known_until_ms},` +
    `"more":${more},"columns":${columnsJson(whole)}${
      toMs === null ? `,"folded":${foldedJson(rows, stored)}` : ""
    }}`;
}

/** A candle that its stored row and the seconds behind it make, as a page shows it. */
export interface Forming extends FoldedCandle {
  readonly revision: Revision;
  readonly complete: boolean;
}

/** What the newest stored row, which may be a tombstone, says of what it is continued by. */
export interface Continued {
  readonly startsAtMs: number;
  readonly untilMs: number;
  readonly deleted: boolean;
  readonly complete: boolean;
  readonly revision: Revision;
}

/**
 * The buckets that the seconds reach; the first may continue the newest row.
 *
 * @param row the newest row as a candle; null when there is none or it is a tombstone
 * @param isCovered whether all of [since, until) was seen, ms
 */
export function continued(
  interval: Interval,
  newest: Continued | null,
  row: Candle | null,
  parts: readonly Candle[],
  isCovered: (sinceMs: number, untilMs: number) => boolean,
): readonly Forming[] {
  const folded = row === null ? null : { ...row, untilMs: newest!.untilMs };
  return foldOnto(interval, folded, parts).map((candle) => {
    const same = newest?.startsAtMs === candle.startsAtMs;
    const untilMs = candle.untilMs - MARK_LATE_MS;
    const seen = (sinceMs: number): boolean => untilMs <= sinceMs || isCovered(sinceMs, untilMs);
    return {
      ...candle,
      revision: same ? newest.revision : UNSTORED,
      complete: same && !newest.deleted
        ? newest.complete && seen(newest.untilMs)
        : seen(candle.startsAtMs),
    };
  });
}

function formingOf({ market, interval }: CandleRequest, rows: RollupRows): readonly Forming[] {
  const { anchor, stored, covered } = rows;
  const lengths = split(rows.parts.interval);
  const parts = candlesOf(market, rows.parts, (at) => lengths[at]!);
  const continues = anchor !== null && !anchor.deleted;
  const row = continues ? candlesOf(market, lastOf(stored), () => interval)[0]! : null;
  const newest = anchor === null ? null : {
    ...anchor,
    complete: stored.complete.endsWith("t"),
    revision: rollupRevision(anchor.timeline, anchor.sequence),
  };
  return continued(
    interval,
    newest,
    row,
    parts,
    (sinceMs, untilMs) => covered.some(([since, until]) => since <= sinceMs && untilMs <= until),
  );
}

/** How a candle's own values stand in their columns. */
export const VALUES = {
  starts_at_ms: ({ startsAtMs }: Pick<Candle, "startsAtMs">) => String(startsAtMs),
  open: ({ open }: Pick<Candle, "open">) => open,
  high: ({ high }: Pick<Candle, "high">) => high,
  low: ({ low }: Pick<Candle, "low">) => low,
  close: ({ close }: Pick<Candle, "close">) => close,
  volume: ({ volume }: Pick<Candle, "volume">) => volume,
  turnover: ({ turnover }: Pick<Candle, "turnover">) => turnover,
  last_tick_at_ms: ({ lastTickAtMs }: { readonly lastTickAtMs: number | string }) =>
    String(lastTickAtMs),
  revision: ({ revision }: { readonly revision: Revision }) => `"${revision}"`,
} as const;

/** How a forming candle stands in each column. */
export const FORMING: Readonly<Record<keyof CandleColumns, (candle: Forming) => string>> = {
  ...VALUES,
  received_at_ms: () => "null",
  origin: () => "null",
  revisions: () => "null",
  // until the drain has said so
  closed: () => "false",
  complete: ({ complete }) => String(complete),
  until_ms: ({ untilMs }) => String(untilMs),
};

function storedColumns(interval: Interval, rows: RollupColumns): Columns {
  const starts = split(rows.starts_at_ms);
  const until = split(rows.until_ms);
  const timelines = split(rows.timeline);
  const sequences = split(rows.sequence);
  const none = starts.map(() => "null");
  return {
    starts_at_ms: starts,
    open: split(rows.open),
    high: split(rows.high),
    low: split(rows.low),
    close: split(rows.close),
    volume: split(rows.volume),
    turnover: split(rows.turnover),
    last_tick_at_ms: split(rows.last_tick_at_ms),
    received_at_ms: none,
    origin: none,
    revisions: none,
    revision: sequences.map((sequence, at) =>
      `"${rollupRevision(Number(timelines[at]), Number(sequence))}"`
    ),
    closed: starts.map((start, at) =>
      String(Number(until[at]) >= bucketEndMs(interval, Number(start)))
    ),
    complete: split(rows.complete).map((letter) => String(letter === "t")),
    until_ms: until,
  };
}

function foldedJson({ anchor, parts }: RollupRows, stored: Columns): string {
  const intervals = split(parts.interval);
  const corrections = split(parts.correction_ms);
  const ticks = split(parts.last_tick_at_ms);
  const volumes = split(parts.volume);
  const columns: Record<keyof PartColumns, string> = {
    starts_at_ms: parts.starts_at_ms,
    interval: intervals.map((interval) => `"${interval}"`).join(","),
    open: parts.open,
    high: parts.high,
    low: parts.low,
    close: parts.close,
    volume: parts.volume,
    turnover: parts.turnover,
    last_tick_at_ms: parts.last_tick_at_ms,
    revision: intervals.map((interval, at) =>
      interval === "1m"
        ? "null"
        : `"${candleRevision(Number(corrections[at]), Number(ticks[at]), volumes[at] as Decimal)}"`
    ).join(","),
  };
  const newest = mapColumns(
    stored,
    (column) => anchor === null || anchor.deleted ? [] : column.slice(-1),
  );
  return `{"since_ms":${anchor?.untilMs ?? 0},"stored":${columnsJson(newest)},"parts":{${
    Object.entries(columns).map(([name, values]) => `"${name}":[${values}]`).join(",")
  }}}`;
}

function candlesOf(
  market: Candle["market"],
  rows: ValueColumns,
  intervalAt: (at: number) => string,
): readonly Candle[] {
  const [opens, highs, lows, closes, volumes, turnovers, ticks] = [
    rows.open,
    rows.high,
    rows.low,
    rows.close,
    rows.volume,
    rows.turnover,
    rows.last_tick_at_ms,
  ].map(split) as [Column, Column, Column, Column, Column, Column, Column];
  return split(rows.starts_at_ms).map((start, at) => ({
    market,
    interval: intervalAt(at) as Interval,
    startsAtMs: Number(start),
    open: opens[at] as Decimal,
    high: highs[at] as Decimal,
    low: lows[at] as Decimal,
    close: closes[at] as Decimal,
    volume: volumes[at] as Decimal,
    turnover: turnovers[at] as Decimal,
    lastTickAtMs: Number(ticks[at]),
  }));
}

function lastOf(rows: RollupColumns): RollupColumns {
  return Object.fromEntries(
    Object.entries(rows).map(([name, column]: [string, string]) => [
      name,
      column.slice(column.lastIndexOf(",") + 1),
    ]),
  ) as unknown as RollupColumns;
}

function mapColumns(
  columns: Columns,
  change: (column: Column, name: keyof CandleColumns) => Column,
): Columns {
  return Object.fromEntries(
    (Object.keys(columns) as (keyof CandleColumns)[])
      .map((name) => [name, change(columns[name], name)]),
  ) as Columns;
}

function columnsJson(columns: Columns): string {
  const fields = Object.entries(columns).map(([name, values]) => `"${name}":[${values.join(",")}]`);
  return `{${fields.join(",")}}`;
}

function split(column: string): Column {
  return column === "" ? [] : column.split(",");
}
