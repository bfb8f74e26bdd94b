import type { CandleColumns } from "#core/candle_page.ts";
import type { Decimal } from "#core/decimal.ts";
import { candleRevision } from "#core/revision.ts";
import type { CandleRequest } from "./candle_request.ts";
import type { CandleRows } from "./candle_rows.ts";

/**
 * The body of `GET /api/candles` for seconds, shape `CandlePage` of core/. Decimals are the database's text, unquoted.
 *
 * A second is closed when a mark later than its end and its receipt is stored; every stored second is folded into itself,
 * so `until_ms` is its end.
 */
export function secondsPageJson(request: CandleRequest, rows: CandleRows): string {
  const starts = split(rows.starts_at_ms).map(Number);
  const lastTicks = split(rows.last_tick_at_ms);
  const received = split(rows.received_at_ms);
  const corrections = split(rows.correction_ms);
  const volumes = split(rows.volume);
  const knownUntilMs = rows.known_until_ms;
  const columns: Record<keyof CandleColumns, string> = {
    starts_at_ms: rows.starts_at_ms,
    open: rows.open,
    high: rows.high,
    low: rows.low,
    close: rows.close,
    volume: rows.volume,
    turnover: rows.turnover,
    last_tick_at_ms: rows.last_tick_at_ms,
    received_at_ms: rows.received_at_ms,
    origin: quoted(split(rows.origin)),
    revisions: rows.revisions,
    revision: quoted(
      starts.map((_, at) =>
        candleRevision(Number(corrections[at]), Number(lastTicks[at]), volumes[at] as Decimal)
      ),
    ),
    closed: starts.map((startMs, at) =>
      knownUntilMs > Math.max(startMs + SECOND_MS, Number(received[at]))
    ).join(","),
    complete: split(rows.covered).map((letter) => letter === "t").join(","),
    until_ms: starts.map((startMs) => startMs + SECOND_MS).join(","),
  };
  const fields = Object.entries(columns).map(([name, values]) => `"${name}":[${values}]`);
  return `{"market":"${request.market}","interval":"${request.interval}","known_until_ms":${knownUntilMs},` +
    `"more":${rows.more},"columns":{${fields.join(",")}}}`;
}

const SECOND_MS = 1_000;

function split(column: string): string[] {
  return column === "" ? [] : column.split(",");
}

function quoted(values: readonly string[]): string {
  return values.map((value) => `"${value}"`).join(",");
}
