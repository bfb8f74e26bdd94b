import type { Origin } from "#core/candle.ts";
import type { CandleColumns, CandlePage, FoldedParts, PartColumns } from "#core/candle_page.ts";
import { type Decimal, decimal } from "#core/decimal.ts";
import { Failure, shown } from "#core/failure.ts";
import type { Interval } from "#core/interval.ts";
import { market } from "#core/market.ts";
import type { Revision } from "#core/revision.ts";

/**
 * @param json as `parseJsonNumbersAsText` reads it
 * @throws Failure `answer_invalid`, `page_invalid` (columns of unequal length)
 */
export function pageFrom(json: unknown): CandlePage {
  const page = record(json);
  const folded = page["folded"];
  return {
    market: market(String(page["market"])),
    interval: page["interval"] as Interval,
    known_until_ms: Number(page["known_until_ms"]),
    more: page["more"] === true,
    columns: candleColumns(record(page["columns"])),
    ...(folded == null ? {} : { folded: foldedFrom(record(folded)) }),
  };
}

function foldedFrom(folded: Fields): FoldedParts {
  return {
    since_ms: Number(folded["since_ms"]),
    stored: candleColumns(record(folded["stored"])),
    parts: partColumns(record(folded["parts"])),
  };
}

function candleColumns(columns: Fields): CandleColumns {
  const numbers = (name: string): (number | null)[] =>
    column(columns, name).map((value) => value === null ? null : Number(value));
  return equallyLong({
    ...valueColumns(columns),
    received_at_ms: numbers("received_at_ms"),
    origin: column(columns, "origin") as (Origin | null)[],
    revisions: numbers("revisions"),
    revision: column(columns, "revision") as Revision[],
    closed: column(columns, "closed") as boolean[],
    complete: column(columns, "complete") as boolean[],
    until_ms: times(columns, "until_ms"),
  });
}

function partColumns(columns: Fields): PartColumns {
  return equallyLong({
    ...valueColumns(columns),
    interval: column(columns, "interval") as PartColumns["interval"],
    revision: column(columns, "revision") as (Revision | null)[],
  });
}

function valueColumns(columns: Fields) {
  return {
    starts_at_ms: times(columns, "starts_at_ms"),
    open: decimals(columns, "open"),
    high: decimals(columns, "high"),
    low: decimals(columns, "low"),
    close: decimals(columns, "close"),
    volume: decimals(columns, "volume"),
    turnover: decimals(columns, "turnover"),
    last_tick_at_ms: times(columns, "last_tick_at_ms"),
  };
}

function equallyLong<Columns extends { readonly starts_at_ms: readonly number[] }>(
  columns: Columns,
): Columns {
  const rows = columns.starts_at_ms.length;
  for (const [name, values] of Object.entries(columns)) {
    if (values.length !== rows) {
      throw new Failure("page_invalid", `${name} has ${values.length} of ${rows} rows`);
    }
  }
  return columns;
}

function times(columns: Fields, name: string): number[] {
  return column(columns, name).map(Number);
}

function decimals(columns: Fields, name: string): Decimal[] {
  return (column(columns, name) as string[]).map(decimal);
}

export type Fields = Readonly<Record<string, unknown>>;

/** @throws Failure `answer_invalid` */
export function record(value: unknown): Fields {
  if (typeof value === "object" && value !== null) return value as Fields;
  throw new Failure("answer_invalid", `${shown(value)} is not an object`);
}

/** @throws Failure `answer_invalid` */
export function column(from: Fields, name: string): unknown[] {
  const value = from[name];
  if (Array.isArray(value)) return value;
  throw new Failure("answer_invalid", `${name} is ${shown(value)}, not a list`);
}
