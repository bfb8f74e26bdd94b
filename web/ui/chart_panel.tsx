import { useEffect, useRef } from "preact/hooks";
import { useSignalEffect } from "@preact/signals";
import type { Interval } from "#core/interval.ts";
import { CandleChart } from "../chart/candle_chart.ts";
import { headMs } from "../model/head.ts";
import type { App } from "../state/app.ts";
import { showChartInTestView } from "../state/test_view.ts";
import { MinusIcon, PlusIcon, ToNowIcon } from "./icons.tsx";

export function ChartPanel({ app }: { readonly app: App }) {
  const { t } = app.preferences;
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
    app.preferences.zone.value;
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
        <span class="spacer" />
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
          aria-label={t("chartLabel", `${market} ${app.route.interval.value}`)}
        />
        <ChartNotice app={app} />
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
        headMs: headMs(feed.interval, feed.series.last?.startsAtMs ?? null, app.clock.nowMs()),
      };
    },
    zone: () => app.preferences.zone.peek(),
    onHover: (startsAtMs) => app.hovered.value = startsAtMs,
    onView: (view) => {
      app.follows.value = view.follows;
      if (view.follows && app.session.peek().feed.detached) app.session.peek().rejoin();
    },
    onNeedsOlder: () => app.session.peek().pageBack(),
  });
}

function Intervals({ app }: { readonly app: App }) {
  const { t, language } = app.preferences;
  const chosen = app.route.interval.value;
  const offered = app.intervals.value.includes(chosen)
    ? app.intervals.value
    : [chosen, ...app.intervals.value];
  return (
    <div class="intervals" role="group" aria-label={t("intervals")}>
      {offered.map((interval) => (
        <button
          type="button"
          key={interval}
          aria-pressed={interval === chosen}
          onClick={() => app.route.chooseInterval(interval)}
        >
          {intervalText(interval, language.value === "ko")}
        </button>
      ))}
    </div>
  );
}

const KOREAN_UNITS: Readonly<Record<string, string>> = {
  s: "초",
  m: "분",
  h: "시간",
  d: "일",
  w: "주",
  mo: "월",
};

function intervalText(interval: Interval, korean: boolean): string {
  const [, count, unit] = /^(\d+)(\w+)$/.exec(interval)!;
  if (!korean) return unit === "mo" ? "1M" : interval;
  return unit === "d" || unit === "w" || unit === "mo"
    ? KOREAN_UNITS[unit]!
    : `${count}${KOREAN_UNITS[unit!]}`;
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
