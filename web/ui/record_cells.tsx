import { grouped } from "../format/number.ts";
import { clockMsText, clockText, dateText, type Zone } from "../format/time.ts";
import type { SeriesRow } from "../model/series_row.ts";
import type { Preferences } from "../state/preferences.ts";

interface CellProps {
  readonly name: string;
  readonly value: string | null;
  readonly unit?: string;
  readonly kind?: string | null;
  readonly hint?: string;
  /** Exact amounts have up to sixteen fraction digits, and all are shown. */
  readonly wide?: boolean;
}

export function Cell({ name, value, unit, kind, hint, wide }: CellProps) {
  return (
    <div title={hint} class={wide === true ? "wide" : ""}>
      <dt>{name}</dt>
      <dd class={kind ?? ""}>
        {value ?? "–"}
        {unit !== undefined && value !== null && <span class="unit">{unit}</span>}
      </dd>
    </div>
  );
}

interface ProvenanceProps {
  readonly row: SeriesRow | null;
  readonly zone: Zone;
  readonly t: Preferences["t"];
}

/** How a second came here. */
export function SecondProvenance({ row, zone, t }: ProvenanceProps) {
  const received = row?.receivedAtMs ?? null;
  return (
    <>
      <Cell name={t("exchangeTime")} value={row && clockMsText(row.lastTickAtMs, zone)} />
      <Cell
        name={t("receivedTime")}
        value={received === null ? null : clockMsText(received, zone)}
      />
      <Cell
        name={t("delay")}
        hint={t("delayHint")}
        value={row === null || received === null ? null : delayText(row, received)}
      />
      <Cell
        name={t("revisions")}
        value={row === null || row.revisions === null ? null : t("revisionsValue", row.revisions)}
        kind={row !== null && (row.revisions ?? 0) > 0 ? "warn" : null}
      />
    </>
  );
}

/** Up to when a roll-up is known, and whether it lacks something. */
export function RollupProvenance({ row, zone, t }: ProvenanceProps) {
  return (
    <>
      <Cell name={t("lastTrade")} value={row && momentOf(row.lastTickAtMs, row, zone)} />
      <Cell
        name={t("foldedUntil")}
        hint={t("foldedUntilHint")}
        value={row && momentOf(row.untilMs, row, zone)}
      />
      <Cell name={t("bucketState")} value={row && t(row.closed ? "closed" : "forming")} />
      <Cell
        name={t("completeness")}
        hint={t("completenessHint")}
        value={row && t(row.complete ? "complete" : "incomplete")}
        kind={row !== null && !row.complete ? "warn" : null}
      />
    </>
  );
}

/** With its date where that is another day's than the candle's start. */
function momentOf(timeMs: number, row: SeriesRow, zone: Zone): string {
  const date = dateText(timeMs, zone);
  const clock = clockText(timeMs, zone);
  return date === dateText(row.startsAtMs, zone) ? clock : `${date.slice(5)} ${clock}`;
}

function delayText(row: SeriesRow, receivedAtMs: number): string {
  const ms = receivedAtMs - row.lastTickAtMs;
  // a replayed recording was received long after it happened
  return Math.abs(ms) < 100_000
    ? `${grouped(String(ms))} ms`
    : `${grouped(String(Math.round(ms / 1_000)))} s`;
}
