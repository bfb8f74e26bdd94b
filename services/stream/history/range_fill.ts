import { type Decimal, ZERO } from "#core/decimal.ts";
import { type CandleEvent } from "#core/event/candle_event.ts";
import {
  encodeRangedRollup,
  encodeRangedSecond,
  encodeRangeHead,
  type RangedSecond,
} from "#core/range_set.ts";
import { decodeRangeFeed } from "#core/range_feed.ts";
import { candleRevision, type Revision, rollupRevision } from "#core/revision.ts";
import type { CandleRequest } from "./candle_request.ts";
import type { CandleRows, GoneSecond } from "./candle_rows.ts";
import type { Filling, Lease } from "./range_store.ts";
import type { RollupRows, ValueColumns } from "./rollup_rows.ts";

/** What was shown: starts and revisions, tombstones among them. */
export type ShownRows = readonly (readonly [startsAtMs: number, revision: Revision])[];

/** @returns null where there is nothing to be complete from */
export function rollupFilling(rows: RollupRows, lease: Lease): Filling | null {
  const starts = split(rows.stored.starts_at_ms);
  if (starts.length === 0 || lease.relayed === null) return null;
  const [until, timelines, sequences, complete] = [
    rows.stored.until_ms,
    rows.stored.timeline,
    rows.stored.sequence,
    rows.stored.complete,
  ].map(split) as [string[], string[], string[], string[]];
  const values = valuesOf(rows.stored);
  const alive = starts.map((start, at) =>
    encodeRangedRollup({
      ...values(at),
      startsAtMs: Number(start),
      revision: rollupRevision(Number(timelines[at]), Number(sequences[at])),
      untilMs: Number(until[at]),
      complete: complete[at] === "t",
      deleted: false,
    })
  );
  const gone = rows.gone.map(({ startsAtMs, untilMs, timeline, sequence }) =>
    encodeRangedRollup({
      ...NO_VALUES,
      startsAtMs,
      untilMs,
      revision: rollupRevision(timeline, sequence),
      complete: false,
      deleted: true,
    })
  );
  return {
    head: encodeRangeHead({
      completeFromMs: rows.more ? Number(starts[0]) : 0,
      more: rows.more,
      epoch: lease.relayed.slice(lease.relayed.indexOf(" ") + 1),
      version: lease.token,
    }),
    rows: [...alive, ...gone].sort(),
    // a roll-up that is covered by an answer is folded again
    provisional: false,
  };
}

/** The seconds behind the newest roll-up; null when minutes stand for some of them. */
export function partsFilling(
  { market }: CandleRequest,
  rows: RollupRows,
  lease: Lease,
): Filling | null {
  const { anchor, parts, covered, goneParts } = rows;
  if (lease.feed === null || anchor === null || parts.interval.startsWith("1m")) return null;
  const alive = secondsEncoded(
    parts,
    liveUntilMs(lease.feed, market),
    (startsAtMs) =>
      covered.some(([since, until]) => since <= startsAtMs && startsAtMs + SECOND_MS <= until),
  );
  return {
    head: encodeRangeHead({
      completeFromMs: anchor.untilMs,
      more: true,
      epoch: decodeRangeFeed(lease.feed).epoch,
      version: lease.token,
    }),
    rows: [...alive, ...goneParts.map(goneSecond)].sort(),
    provisional: alive.some(isUncovered),
  };
}

export function secondsFilling(
  { market }: CandleRequest,
  rows: CandleRows,
  lease: Lease,
): Filling | null {
  if (lease.feed === null) return null;
  const covered = split(rows.covered);
  const alive = secondsEncoded(
    rows,
    liveUntilMs(lease.feed, market),
    (_, at) => covered[at] === "t",
  );
  return {
    head: encodeRangeHead({
      completeFromMs: rows.more ? Number(split(rows.starts_at_ms)[0]) : 0,
      more: rows.more,
      epoch: decodeRangeFeed(lease.feed).epoch,
      version: lease.token,
    }),
    rows: [...alive, ...rows.gone.map(goneSecond)].sort(),
    provisional: alive.some(isUncovered),
  };
}

type SecondColumns =
  & ValueColumns
  & Readonly<Record<"received_at_ms" | "correction_ms" | "origin" | "revisions", string>>;

/** @param liveUntilMs what is later and not covered may yet be */
function secondsEncoded(
  columns: SecondColumns,
  liveUntilMs: number,
  isCovered: (startsAtMs: number, at: number) => boolean,
): readonly string[] {
  const [received, corrections, origins, revisions] = [
    columns.received_at_ms,
    columns.correction_ms,
    columns.origin,
    columns.revisions,
  ].map(split) as [string[], string[], string[], string[]];
  const values = valuesOf(columns);
  return split(columns.starts_at_ms).map((start, at) => {
    const startsAtMs = Number(start);
    const value = values(at);
    return encodeRangedSecond({
      ...value,
      startsAtMs,
      revision: candleRevision(Number(corrections[at]), Number(value.lastTickAtMs), value.volume),
      revisions: revisions[at]!,
      receivedAtMs: received[at]!,
      origin: origins[at]!,
      covered: isCovered(startsAtMs, at) ? "t" : startsAtMs + SECOND_MS <= liveUntilMs ? "f" : "-",
      deleted: false,
    });
  });
}

const SECOND_MS = 1_000;

export function rollupsShown(rows: RollupRows): ShownRows {
  const [starts, timelines, sequences] = [
    rows.stored.starts_at_ms,
    rows.stored.timeline,
    rows.stored.sequence,
  ].map(split) as [string[], string[], string[]];
  return [
    ...starts.map((start, at) =>
      [Number(start), rollupRevision(Number(timelines[at]), Number(sequences[at]))] as const
    ),
    ...rows.gone.map(({ startsAtMs, timeline, sequence }) =>
      [startsAtMs, rollupRevision(timeline, sequence)] as const
    ),
  ];
}

/** Of a page of seconds, or of the parts that are seconds. */
export function secondsShown(
  rows: ValueColumns & { readonly correction_ms: string; readonly interval?: string },
  gone: readonly GoneSecond[],
): ShownRows {
  const [starts, corrections, ticks, volumes, intervals] = [
    rows.starts_at_ms,
    rows.correction_ms,
    rows.last_tick_at_ms,
    rows.volume,
    rows.interval ?? "",
  ].map(split) as [string[], string[], string[], string[], string[]];
  return [
    ...starts.map((start, at) =>
      [
        Number(start),
        candleRevision(Number(corrections[at]), Number(ticks[at]), volumes[at] as Decimal),
      ] as const
    ).filter((_, at) => intervals[at] !== "1m"),
    ...gone.map((second) => [second.startsAtMs, revisionOf(second)] as const),
  ];
}

type Values =
  & Pick<CandleEvent, "open" | "high" | "low" | "close" | "volume" | "turnover">
  & Pick<RangedSecond, "lastTickAtMs">;

function valuesOf(columns: ValueColumns): (at: number) => Values {
  const [open, high, low, close, volume, turnover, ticks] = [
    columns.open,
    columns.high,
    columns.low,
    columns.close,
    columns.volume,
    columns.turnover,
    columns.last_tick_at_ms,
  ].map(split) as [
    Decimal[],
    Decimal[],
    Decimal[],
    Decimal[],
    Decimal[],
    Decimal[],
    string[],
  ];
  return (at) => ({
    open: open[at]!,
    high: high[at]!,
    low: low[at]!,
    close: close[at]!,
    volume: volume[at]!,
    turnover: turnover[at]!,
    lastTickAtMs: ticks[at]!,
  });
}

/** A tombstone's values are nobody's business. */
const NO_VALUES: Values = {
  open: ZERO,
  high: ZERO,
  low: ZERO,
  close: ZERO,
  volume: ZERO,
  turnover: ZERO,
  lastTickAtMs: "0",
};

/** @param row of an encoded second */
function isUncovered(row: string): boolean {
  return row.endsWith(",f,f");
}

function goneSecond(second: GoneSecond): string {
  return encodeRangedSecond({
    ...NO_VALUES,
    startsAtMs: second.startsAtMs,
    revision: revisionOf(second),
    revisions: String(second.revisions),
    receivedAtMs: "0",
    origin: "-",
    covered: "-",
    deleted: true,
  });
}

function revisionOf({ correctionMs, lastTickAtMs, volume }: GoneSecond): Revision {
  return candleRevision(correctionMs, lastTickAtMs, volume as Decimal);
}

/** Until when the running sessions saw the market, ms; 0 without one. */
function liveUntilMs(feed: string, market: string): number {
  const seen = decodeRangeFeed(feed).sessions.filter(({ markets }) => markets.includes(market));
  return Math.max(0, ...seen.map(({ untilMs }) => untilMs));
}

function split(column: string): string[] {
  return column === "" ? [] : column.split(",");
}
