import type { CandleColumns, CandlePage, PartColumns } from "#core/candle_page.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";

export type ReadPage = CandlePage;

const MS_COLUMNS = ["starts_at_ms", "last_tick_at_ms", "until_ms"];

/** A page as a reader has it: decimals as text, times as numbers. */
export function readPage(text: string): ReadPage {
  const page = parseJsonNumbersAsText(text) as Record<string, unknown>;
  const columns = <Columns>(value: unknown): Columns =>
    Object.fromEntries(
      Object.entries(value as Record<string, unknown[]>).map((
        [name, values],
      ) => [name, MS_COLUMNS.includes(name) ? values.map(Number) : values]),
    ) as Columns;
  const folded = page["folded"] as Record<string, unknown> | undefined;
  return {
    ...page,
    known_until_ms: Number(page["known_until_ms"]),
    columns: columns<CandleColumns>(page["columns"]),
    ...folded === undefined ? {} : {
      folded: {
        since_ms: Number(folded["since_ms"]),
        stored: columns<CandleColumns>(folded["stored"]),
        parts: columns<PartColumns>(folded["parts"]),
      },
    },
  } as CandlePage;
}
