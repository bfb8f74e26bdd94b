import { useEffect, useRef } from "preact/hooks";
import { useSignalEffect } from "@preact/signals";
import { CandleChart } from "../chart/candle_chart.ts";
import { bucketTime } from "../format/bucket_time.ts";
import { headMs } from "../model/head.ts";
import { isIncomplete } from "../model/series_row.ts";
import type { App } from "../state/app.ts";
import { gapsIn } from "../state/gaps_in.ts";
import { showChartInTestView } from "../state/test_view.ts";
import { gapName, gapText } from "../text/gap.ts";
import { intervalName } from "../text/interval.ts";
import { MinusIcon, PlusIcon, ToNowIcon } from "./icons.tsx";
import { Intervals } from "./intervals.tsx";

export function ChartPanel({ app }: { readonly app: App }) {
  const { t, language } = app.preferences;
  const root = useRef<HTMLDivElement>(null);
  const chart = useRef<CandleChart | null>(null);
  useEffect(() => {
    const mounted = mountChart(app, root.current!);
    chart.current = mounted;
    showChartInTestView(mounted);
    const timer = setInterval(() => {
      if (mounted.view.follows) mounted.request();
    }, 1_000);
    return () => {
      clearInterval(timer);
      showChartInTestView(null);
      mounted.destroy();
    };
  }, []);
  useSignalEffect(() => {
    app.session.value.version.value;
    app.session.value.gapWatch.gaps.value;
    app.preferences.zone.value;
    app.preferences.language.value;
    chart.current?.request();
  });
  useSignalEffect(() => {
    app.preferences.theme.value;
    chart.current?.repaint();
  });
  const market = app.market.value;
  const provenance = app.freshness.provenance.value;
  return (
    <div class="chart-panel">
      <div class="chart-tools">
        <Intervals app={app} />
        <button
          type="button"
          class="icon-button"
          aria-label={t("zoomOut")}
          title={t("zoomOut")}
          onClick={() => chart.current?.zoomBy(1.5)}
        >
          <MinusIcon />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label={t("zoomIn")}
          title={t("zoomIn")}
          onClick={() => chart.current?.zoomBy(1 / 1.5)}
        >
          <PlusIcon />
        </button>
      </div>
      <div class="chart-frame">
        {provenance !== null && <div class="watermark" aria-hidden="true">{t(provenance)}</div>}
        <div
          class="chart"
          ref={root}
          tabIndex={0}
          role="application"
          aria-label={t(
            "chartLabel",
            `${market} ${intervalName(app.interval.value, language.value)}`,
          )}
        />
        <SpokenCandle app={app} />
        <ChartNotice app={app} />
        {app.incompleteInSight.value && (
          <div class="chart-legend">
            <i aria-hidden="true" />
            {t("hollowLegend")}
          </div>
        )}
        {!app.follows.value && (
          <button
            type="button"
            class="to-now"
            onClick={() => chart.current?.toHead()}
          >
            {t("toNow")}
            <ToNowIcon />
          </button>
        )}
      </div>
    </div>
  );
}

function mountChart(app: App, root: HTMLElement): CandleChart {
  return new CandleChart(root, {
    source: () => {
      const { feed } = app.session.peek();
      return {
        market: feed.market,
        interval: feed.interval,
        series: feed.series,
        unknown: feed.unknown,
        unknownText: app.preferences.t("unknownShort"),
        gaps: app.session.peek().gapWatch.gaps.peek().map((gap) => ({
          sinceMs: gap.sinceMs,
          untilMs: gap.untilMs,
          text: gapName(gap, app.preferences.t),
        })),
        headMs: headMs(feed.interval, feed.series.last?.startsAtMs ?? null, app.clock.nowMs()),
      };
    },
    zone: () => app.preferences.zone.peek(),
    onHover: (startsAtMs, by) => {
      app.hovered.value = startsAtMs;
      app.steppedTo.value = by === "keys" ? startsAtMs : null;
    },
    onView: (view) => {
      app.follows.value = view.follows;
      app.session.peek().gapWatch.look(view.fromMs, view.toMs);
      if (view.follows && app.session.peek().feed.detached) app.session.peek().rejoin();
    },
    onIncomplete: (inSight) => app.incompleteInSight.value = inSight,
    onNeedsOlder: () => app.session.peek().pageBack(),
  });
}

/** The candle that keys walked to, for those who listen. Nothing else of the chart speaks: prices never stop moving. */
function SpokenCandle({ app }: { readonly app: App }) {
  const { t, zone } = app.preferences;
  const at = app.steppedTo.value;
  const row = at === null ? undefined : app.session.value.feed.series.rowAt(at);
  const time = at === null ? null : bucketTime(app.interval.value, at, zone.value);
  const figures = row === undefined ? t("noTrade") : [
    `${t("open")} ${row.open}`,
    `${t("high")} ${row.high}`,
    `${t("low")} ${row.low}`,
    `${t("close")} ${row.close}`,
    ...(isIncomplete(row) ? [t("incomplete")] : []),
  ].join(", ");
  const missing = at === null ? [] : gapsIn(app, at);
  const gaps = missing.map((gap) => `, ${t("gap")} ${gapText(gap, zone.value, t)}`).join("");
  return (
    <div class="unseen" role="status">
      {time === null ? "" : `${time.rest} ${time.name}: ${figures}${gaps}`}
    </div>
  );
}

/** What stands in for bars: loading, nothing yet, or a failure with its remedy. */
function ChartNotice({ app }: { readonly app: App }) {
  const { t } = app.preferences;
  const { feed, version } = app.session.value;
  version.value;
  const { state } = feed;
  const empty = feed.series.length === 0;
  if (state.kind === "failed") {
    return (
      <div class={empty ? "notice" : "notice small"} role="alert">
        <b>{t("failed")}</b>
        <span>{state.message}</span>
        <span>{t("failedRemedy")}</span>
      </div>
    );
  }
  if (!empty) {
    return feed.pagingBack ? <div class="notice corner">{t("loadingOlder")}</div> : null;
  }
  if (state.kind === "live") {
    return (
      <div class="notice" role="status">
        <b>{t("emptyChart")}</b>
        <span>{t("emptyChartRemedy")}</span>
      </div>
    );
  }
  return (
    <div class="notice" role="status">
      <i class="spinner" aria-hidden="true" />
      <span>{t("loading")}</span>
    </div>
  );
}
