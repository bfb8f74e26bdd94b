import type { ParityRow } from "#core/parity_page.ts";
import type { LedgerRow } from "./ledger.ts";

/** Differences shown on a terminal; the CSV has all. */
const SHOWN_MAX = 20;

/** A difference that still stands, or stood until it was corrected; not one whose answers came to agree. */
export function isDifference({ state }: LedgerRow): boolean {
  return state !== null && state !== "agreed";
}

/** Whether it says something: what agrees and is partly the exchange's own agrees with itself. */
export function isEvidence({ verdict }: LedgerRow): boolean {
  return verdict !== "taken";
}

/** What was compared, in words; the last line says whether it is equal. */
export function reportLines(
  rows: readonly LedgerRow[],
  sinceMs: number,
  untilMs: number,
): string[] {
  const counts = new Map<string, number>();
  for (const { verdict, state } of rows) {
    const kind = state === null ? verdict : `${verdict}, ${state}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const differences = rows.filter(isDifference);
  const proving = rows.filter(isEvidence).length;
  const taken = rows.length - proving;
  return [
    `compared ${iso(sinceMs)} to ${iso(untilMs)}: ${proving} candles`,
    ...(taken > 0
      ? [`left out: ${taken} that agree, but were folded in part from what the exchange gave us`]
      : []),
    ...[...counts].map(([kind, count]) => `  ${String(count).padStart(7)}  ${kind}`),
    ...differences.slice(0, SHOWN_MAX).flatMap(differenceLines),
    ...(differences.length > SHOWN_MAX ? [`  … and ${differences.length - SHOWN_MAX} more`] : []),
    proving === 0
      ? "NOTHING was compared"
      : differences.length === 0
      ? "EQUAL: every compared candle is what the exchange says"
      : `DIFFERENT: ${differences.length} of ${proving} candles`,
  ];
}

/** Every candle with its verdict, as CSV with a header line. Where it matches, the exchange's columns are empty: they are ours. */
export function csv(rows: readonly LedgerRow[]): string {
  const side = (row: ParityRow | null): string[] =>
    COLUMNS.map((column) => row === null ? "" : row[column]);
  const header = [
    "starts_at",
    "verdict",
    "state",
    ...COLUMNS.map((column) => `ours_${column}`),
    ...COLUMNS.map((column) => `exchange_${column}`),
    "reason",
  ];
  const lines = rows.map(({ startsAtMs, verdict, state, reason, ours, theirs }) => [
    iso(startsAtMs),
    verdict,
    state ?? "",
    ...side(ours),
    ...side(theirs),
    `"${reason.replaceAll('"', '""')}"`,
  ]);
  return [header, ...lines].map((line) => `${line.join(",")}\n`).join("");
}

const COLUMNS = ["open", "high", "low", "close", "volume", "turnover"] as const;

function differenceLines(
  { startsAtMs, verdict, state, reason, ours, theirs }: LedgerRow,
): string[] {
  const line = (who: string, row: ParityRow | null): string =>
    `      ${who.padEnd(9)}${
      row === null ? "none" : COLUMNS.map((column) => `${column} ${row[column]}`).join("  ")
    }`;
  return [
    `  ${iso(startsAtMs)}  ${verdict}, ${state}: ${reason}`,
    line("here", ours),
    line("exchange", theirs),
  ];
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(".000", "");
}
