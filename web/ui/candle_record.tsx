import { bucketEndMs, bucketStartMs } from "#core/interval.ts";
import { quoteOf } from "#core/market.ts";
import { bucketTime } from "../format/bucket_time.ts";
import { grouped } from "../format/number.ts";
import { isIncomplete, type SeriesRow } from "../model/series_row.ts";
import type { App } from "../state/app.ts";
import { gapsIn } from "../state/gaps_in.ts";
import { gapText } from "../text/gap.ts";
import type { WordKey } from "../text/ko.ts";
import { Cell, RollupProvenance, SecondProvenance } from "./record_cells.tsx";

/** Everything known of one candle, with its exact digits: of the hovered one, otherwise of the newest. */
export function CandleRecord({ app }: { readonly app: App }) {
  const { t, zone } = app.preferences;
  const row = app.record.value;
  const market = app.market.value;
  const [quote, base] = [quoteOf(market), market.slice(market.indexOf("-") + 1)];
  const Provenance = app.interval.value === "1s" ? SecondProvenance : RollupProvenance;
  return (
    <section class="record" aria-label={t("record")} data-hovered={app.hovered.value !== null}>
      <RecordHeader app={app} row={row} />
      <dl>
        <Cell name={t("open")} value={row && grouped(row.open)} />
        <Cell name={t("high")} value={row && grouped(row.high)} kind="up" />
        <Cell name={t("low")} value={row && grouped(row.low)} kind="down" />
        <Cell name={t("close")} value={row && grouped(row.close)} kind={row && bodyOf(row)} />
        <Cell name={t("volume")} wide value={row && grouped(row.volume)} unit={base} />
        <Cell name={t("turnover")} wide value={row && grouped(row.turnover)} unit={quote} />
        <Provenance row={row} zone={zone.value} t={t} />
      </dl>
    </section>
  );
}

function RecordHeader({ app, row }: { readonly app: App; readonly row: SeriesRow | null }) {
  const { t, zone } = app.preferences;
  const hovered = app.hovered.value;
  const interval = app.interval.value;
  const startsAtMs = hovered ?? row?.startsAtMs ?? null;
  const time = startsAtMs === null ? null : bucketTime(interval, startsAtMs, zone.value);
  // the newest says enough; a year's candle may hold hundreds
  const missing = startsAtMs === null ? [] : gapsIn(app, startsAtMs).slice(0, 1);
  return (
    <header>
      <span class="record-time">
        {startsAtMs === null || time === null
          ? "–"
          : (
            <time dateTime={new Date(startsAtMs).toISOString()}>
              <b>{time.name}</b> {time.rest}
            </time>
          )}
      </span>
      {hovered === null && row !== null && <span class="record-tag">{t("latest")}</span>}
      {row !== null && <span class="record-tag">{t(kindOf(row))}</span>}
      {row !== null && isIncomplete(row) && (
        <span class="record-tag warn" title={t("completenessHint")}>{t("incomplete")}</span>
      )}
      {missing.map((gap) => (
        <span key={gap.sinceMs} class="record-tag warn gap" title={t("gapHint")}>
          {t("gap")}: {gapText(gap, zone.value, t)}
        </span>
      ))}
      {row === null && hovered !== null && missing.length === 0 && (
        <span class="record-empty">{t(emptyReason(app, hovered))}</span>
      )}
    </header>
  );
}

function bodyOf(row: SeriesRow): string {
  const moved = Number(row.close) - Number(row.open);
  return moved > 0 ? "up" : moved < 0 ? "down" : "";
}

/** Where a second came from; of a roll-up, whether it still moves. */
function kindOf(row: SeriesRow): WordKey {
  if (row.origin === "replay") return "originReplay";
  if (row.origin === "websocket") return "originWebsocket";
  if (row.origin === "rest") return "originRest";
  return row.closed ? "closed" : "forming";
}

/** Why a bucket has no candle, as far as known. */
function emptyReason(app: App, startsAtMs: number): WordKey {
  const { feed } = app.session.value;
  const interval = app.interval.value;
  const { unknown, series } = feed;
  if (unknown !== null && startsAtMs >= unknown.sinceMs && startsAtMs < unknown.untilMs) {
    return "unknownTime";
  }
  const nowMs = app.clock.nowMs();
  const endsAtMs = bucketEndMs(interval, startsAtMs);
  if (startsAtMs > nowMs || (interval === "1s" && endsAtMs > nowMs)) return "notYet";
  if (series.first === undefined) return "notLoaded";
  if (startsAtMs < bucketStartMs(interval, series.first.startsAtMs)) {
    return feed.moreBefore ? "notLoaded" : "beforeFirst";
  }
  return endsAtMs > app.freshness.seenUntilMs && interval === "1s" ? "unknownTime" : "noTrade";
}
