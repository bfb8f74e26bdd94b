import type { Candle } from "#core/candle.ts";
import type { Compared } from "#core/parity.ts";

/** Differences shown on a terminal; the CSV has all. */
const SHOWN_MAX = 20;

/** What was compared, in words; the last line says whether it is equal. */
export function reportLines(
  compared: readonly Compared[],
  sinceMs: number,
  untilMs: number,
): string[] {
  const counts = new Map<string, number>();
  for (const { verdict } of compared) counts.set(verdict.kind, (counts.get(verdict.kind) ?? 0) + 1);
  const differences = compared.filter(isDifference);
  return [
    `compared ${iso(sinceMs)} to ${iso(untilMs)}: ${compared.length} candles`,
    ...[...counts].map(([kind, count]) => `  ${String(count).padStart(7)}  ${kind}`),
    ...differences.slice(0, SHOWN_MAX).flatMap(differenceLines),
    ...(differences.length > SHOWN_MAX ? [`  … and ${differences.length - SHOWN_MAX} more`] : []),
    differences.length === 0
      ? "EQUAL: every candle is what the exchange says"
      : `DIFFERENT: ${differences.length} of ${compared.length} candles`,
  ];
}

export function isDifference({ verdict }: Compared): boolean {
  return verdict.kind !== "match" && verdict.kind !== "match, exchange rounded";
}

/** Every candle compared, with both sides, as CSV with a header line. */
export function csv(compared: readonly Compared[]): string {
  const side = (candle: Candle | null): string[] =>
    candle === null ? COLUMNS.map(() => "") : COLUMNS.map((column) => candle[column]);
  const header = [
    "starts_at",
    "verdict",
    ...COLUMNS.map((column) => `ours_${column}`),
    ...COLUMNS.map((column) => `exchange_${column}`),
  ];
  const rows = compared.map(({ startsAtMs, verdict, ours, theirs }) => [
    iso(startsAtMs),
    `"${verdict.kind}"`,
    ...side(ours),
    ...side(theirs),
  ]);
  return [header, ...rows].map((row) => `${row.join(",")}\n`).join("");
}

const COLUMNS = ["open", "high", "low", "close", "volume", "turnover"] as const;

function differenceLines({ startsAtMs, verdict, ours, theirs }: Compared): string[] {
  const what = verdict.kind === "differ" ? `differ in ${verdict.fields.join(", ")}` : verdict.kind;
  const line = (who: string, candle: Candle | null): string[] =>
    candle === null
      ? []
      : [`      ${who.padEnd(9)}${
        COLUMNS.map((column) => `${column} ${candle[column]}`).join("  ")
      }`];
  return [`  ${iso(startsAtMs)}  ${what}`, ...line("here", ours), ...line("exchange", theirs)];
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(".000", "");
}
