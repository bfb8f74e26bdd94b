import { quoteOf } from "#core/market.ts";
import { bucketEndMs, bucketStartMs } from "#core/interval.ts";
import type { SeriesRow } from "../model/series_row.ts";
import { grouped } from "../format/number.ts";
import { clockMsText, clockText, dateText } from "../format/time.ts";
import type { App } from "../state/app.ts";
import type { WordKey } from "../text/ko.ts";

/** Everything known of one candle, with its exact digits: of the hovered one, otherwise of the newest. */
export function CandleRecord({ app }: { readonly app: App }) {
  const { t, zone } = app.preferences;
  const hovered = app.hovered.value;
  const row = app.record.value;
  const market = app.market.value;
  const [quote, base] = [quoteOf(market), market.slice(market.indexOf("-") + 1)];
  const startsAtMs = hovered ?? row?.startsAtMs ?? null;
  const seconds = app.route.interval.value === "1s";
  const received = row?.receivedAtMs ?? null;
  return (
    <section class="record" aria-live="off" data-hovered={hovered !== null}>
      <header>
        {startsAtMs === null ? <span class="record-time">–</span> : (
          <span class="record-time">
            <time dateTime={new Date(startsAtMs).toISOString()}>
              <b>{clockText(startsAtMs, zone.value)}</b> {dateText(startsAtMs, zone.value)}
            </time>
          </span>
        )}
        {hovered === null && row !== null && <span class="record-tag">{t("latest")}</span>}
        {row !== null && <span class="record-tag">{t(originKey(row))}</span>}
        {row !== null && !seconds && !row.closed && <span class="record-tag">{t("forming")}</span>}
        {row !== null && !seconds && row.closed && !row.complete && (
          <span class="record-tag warn">{t("incomplete")}</span>
        )}
        {row === null && hovered !== null && (
          <span class="record-empty">{t(emptyReason(app, hovered))}</span>
        )}
      </header>
      <dl>
        <Cell name={t("open")} value={row && grouped(row.open)} />
        <Cell name={t("high")} value={row && grouped(row.high)} kind="up" />
        <Cell name={t("low")} value={row && grouped(row.low)} kind="down" />
        <Cell name={t("close")} value={row && grouped(row.close)} kind={row && bodyOf(row)} />
        <Cell name={t("volume")} wide value={row && grouped(row.volume)} unit={base} />
        <Cell name={t("turnover")} wide value={row && grouped(row.turnover)} unit={quote} />
        <Cell name={t("exchangeTime")} value={row && clockMsText(row.lastTickAtMs, zone.value)} />
        <Cell
          name={t("receivedTime")}
          value={received === null ? null : clockMsText(received, zone.value)}
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
      </dl>
    </section>
  );
}

function Cell({ name, value, unit, kind, hint, wide }: {
  readonly name: string;
  readonly value: string | null;
  readonly unit?: string;
  readonly kind?: string | null;
  readonly hint?: string;
  /** Exact amounts have up to sixteen fraction digits, and all are shown. */
  readonly wide?: boolean;
}) {
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

function bodyOf(row: SeriesRow): string {
  const moved = Number(row.close) - Number(row.open);
  return moved > 0 ? "up" : moved < 0 ? "down" : "";
}

function delayText(row: SeriesRow, receivedAtMs: number): string {
  const ms = receivedAtMs - row.lastTickAtMs;
  // a replayed recording was received long after it happened
  return Math.abs(ms) < 100_000
    ? `${grouped(String(ms))} ms`
    : `${grouped(String(Math.round(ms / 1_000)))} s`;
}

function originKey(row: SeriesRow): WordKey {
  if (row.origin === "replay") return "originReplay";
  return row.origin === "websocket" ? "originWebsocket" : "originRollup";
}

/** Why a bucket has no candle, as far as known. */
function emptyReason(app: App, startsAtMs: number): WordKey {
  const { feed } = app.session.value;
  const interval = app.route.interval.value;
  const { unknown, series } = feed;
  if (unknown !== null && startsAtMs >= unknown.sinceMs && startsAtMs < unknown.untilMs) {
    return "unknownTime";
  }
  const nowMs = app.clock.nowMs();
  if (bucketEndMs(interval, startsAtMs) > nowMs) return "notYet";
  if (series.first === undefined) return "notLoaded";
  if (startsAtMs < bucketStartMs(interval, series.first.startsAtMs)) {
    return feed.moreBefore ? "notLoaded" : "noTrade";
  }
  return bucketEndMs(interval, startsAtMs) > app.freshness.seenUntilMs ? "unknownTime" : "noTrade";
}
