import {
  COMPARE_FIELDS,
  COMPARE_VERDICTS,
  type CompareBucket,
  type ComparePage,
  type CompareRow,
  type CompareVerdict,
} from "#core/compare_page.ts";
import { decimal } from "#core/decimal.ts";
import { Failure, shown } from "#core/failure.ts";
import { interval } from "#core/interval.ts";
import { market } from "#core/market.ts";
import type { ParityState } from "#core/parity_page.ts";
import { column, type Fields, record } from "./page_from.ts";

/**
 * @param json an answer of `GET /api/compare` as `parseJsonNumbersAsText` reads it
 * @throws Failure `answer_invalid`, `page_invalid` (columns of unequal length), `market_invalid`, `interval_invalid`
 */
export function comparePageFrom(json: unknown): ComparePage {
  const page = record(json);
  return {
    market: market(String(page["market"])),
    interval: interval(String(page["interval"])),
    sinceMs: timeMs(page["since"]),
    untilMs: timeMs(page["until"]),
    cut: page["cut"] === true,
    notFetched: column(page, "not_fetched").map(record).map(({ since, until }) => ({
      sinceMs: timeMs(since),
      untilMs: timeMs(until),
    })),
    givenSinceMs: page["given_since"] == null ? null : timeMs(page["given_since"]),
    wished: page["wished"] === true,
    buckets: bucketsFrom(record(page["columns"])),
  };
}

function bucketsFrom(columns: Fields): CompareBucket[] {
  const starts = column(columns, "starts_at_ms").map(Number);
  const equallyLong = (from: Fields, name: string): unknown[] => {
    const values = column(from, name);
    if (values.length === starts.length) return values;
    throw new Failure("page_invalid", `${name} has ${values.length} of ${starts.length} rows`);
  };
  const side = (name: string): (CompareRow | null)[] => {
    const from = record(columns[name]);
    const values = COMPARE_FIELDS.map((field) => equallyLong(from, field));
    return starts.map((_, at) =>
      values[0]![at] == null ? null : Object.fromEntries(
        COMPARE_FIELDS.map((field, index) => [field, decimal(String(values[index]![at]))]),
      ) as CompareRow
    );
  };
  const [verdicts, states] = [equallyLong(columns, "verdict"), equallyLong(columns, "state")];
  const [reasons, fetched] = [
    equallyLong(columns, "reason"),
    equallyLong(columns, "fetched_at_ms"),
  ];
  const [ours, theirs] = [side("ours"), side("theirs")];
  return starts.map((startsAtMs, at) => ({
    startsAtMs,
    verdict: verdictFrom(verdicts[at]),
    state: (states[at] ?? null) as ParityState | null,
    reason: reasons[at] == null ? null : String(reasons[at]),
    fetchedAtMs: fetched[at] == null ? null : Number(fetched[at]),
    ours: ours[at]!,
    theirs: theirs[at]!,
  }));
}

function verdictFrom(value: unknown): CompareVerdict {
  const known = COMPARE_VERDICTS.find((verdict) => verdict === value);
  if (known === undefined) throw new Failure("answer_invalid", `${shown(value)} is no verdict`);
  return known;
}

function timeMs(value: unknown): number {
  const ms = typeof value === "string" ? Date.parse(value) : NaN;
  if (Number.isNaN(ms)) throw new Failure("answer_invalid", `${shown(value)} is not a time`);
  return ms;
}
