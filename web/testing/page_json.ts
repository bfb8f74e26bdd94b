import type { CandleEvent } from "#core/event/candle_event.ts";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import type { FoldedCandle } from "#core/fold.ts";
import type { Interval } from "#core/interval.ts";
import { rollupRevision } from "#core/revision.ts";

const DECIMALS = ["open", "high", "low", "close", "volume", "turnover"] as const;

type Values = Pick<CandleEvent, (typeof DECIMALS)[number] | "startsAtMs" | "lastTickAtMs">;
type Text = string | number | boolean | null;

function column<Row>(rows: readonly Row[], value: (row: Row) => Text): string {
  return `[${rows.map((row) => String(value(row))).join(",")}]`;
}

function values(rows: readonly Values[]): string {
  return `"starts_at_ms":${column(rows, (row) => row.startsAtMs)},${
    DECIMALS.map((name) => `"${name}":${column(rows, (row) => row[name])}`).join(",")
  },"last_tick_at_ms":${column(rows, (row) => row.lastTickAtMs)}`;
}

export function secondColumns(
  rows: readonly CandleEvent[],
  revisions: (row: CandleEvent) => number,
): string {
  return `{${values(rows)},"received_at_ms":${column(rows, (row) => row.receivedAtMs)},"origin":${
    column(rows, (row) => `"${row.origin}"`)
  },"revisions":${column(rows, revisions)},"revision":${
    column(rows, (row) => `"${row.revision}"`)
  },"closed":${column(rows, () => true)},"complete":${column(rows, () => true)},"until_ms":${
    column(rows, (row) => row.startsAtMs + 1_000)
  }}`;
}

export function rollupColumns(rows: readonly PostgresCandleEvent[]): string {
  const none = column(rows, () => null);
  return `{${
    values(rows)
  },"received_at_ms":${none},"origin":${none},"revisions":${none},"revision":${
    column(rows, (row) => `"${row.revision}"`)
  },"closed":${column(rows, (row) => row.closed)},"complete":${
    column(rows, (row) => row.complete)
  },"until_ms":${column(rows, (row) => row.untilMs)}}`;
}

export function partColumns(parts: readonly CandleEvent[]): string {
  return `{${values(parts)},"interval":${column(parts, () => `"1s"`)},"revision":${
    column(parts, (part) => `"${part.revision}"`)
  }}`;
}

/** A bucket with seconds folded on, as a page shows it. */
export function formingRow(
  folded: FoldedCandle,
  stored: PostgresCandleEvent | null,
  interval: Interval,
): PostgresCandleEvent {
  const continued = stored?.startsAtMs === folded.startsAtMs ? stored : null;
  return {
    ...folded,
    interval,
    closed: false,
    complete: continued?.complete ?? true,
    deleted: false,
    source: "folded",
    revision: continued?.revision ?? rollupRevision(0, 0),
  };
}
