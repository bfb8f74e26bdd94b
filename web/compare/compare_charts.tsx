import { useEffect, useMemo, useRef } from "preact/hooks";
import { type Signal, useSignal, useSignalEffect } from "@preact/signals";
import { type CompareBucket, type ComparePage, DIFFERING } from "#core/compare_page.ts";
import { bucketEndMs } from "#core/interval.ts";
import { CandleChart } from "../chart/candle_chart.ts";
import type { ChartSource } from "../chart/chart_source.ts";
import type { App } from "../state/app.ts";
import { compareSeries } from "./compare_series.ts";
import { BothRows } from "./both_rows.tsx";

export type Layout = "beside" | "over";

interface Shown {
  readonly page: ComparePage;
  readonly theirs: ChartSource["series"];
  readonly ours: ChartSource["series"];
  readonly bands: ChartSource["gaps"];
}

/** Both sides with one crosshair and one view; or one over the other, ours as outlines. */
export function CompareCharts({ app, page, layout }: {
  readonly app: App;
  readonly page: ComparePage;
  readonly layout: Layout;
}) {
  const { t } = app.preferences;
  const hovered = useSignal<number | null>(null);
  const shown = useMemo<Shown>(() => ({
    page,
    theirs: compareSeries(page.interval, page.buckets, "theirs"),
    ours: compareSeries(page.interval, page.buckets, "ours"),
    bands: [
      ...page.notFetched.map((stretch) => ({
        ...stretch,
        text: t("verdict_not_fetched"),
        quiet: true,
      })),
      ...page.buckets.filter(({ verdict }) => DIFFERING.includes(verdict)).map((
        { startsAtMs },
      ) => ({
        sinceMs: startsAtMs,
        untilMs: bucketEndMs(page.interval, startsAtMs),
        text: "",
      })),
    ],
  }), [page, app.preferences.language.value]);
  return (
    <section class="compare-charts" data-layout={layout} aria-label={t("chart")}>
      <Charts key={layout} app={app} shown={shown} layout={layout} hovered={hovered} />
      <Pointed app={app} page={page} at={hovered.value} />
    </section>
  );
}

function Charts({ app, shown, layout, hovered }: {
  readonly app: App;
  readonly shown: Shown;
  readonly layout: Layout;
  readonly hovered: Signal<number | null>;
}) {
  const { t } = app.preferences;
  const roots = [useRef<HTMLDivElement>(null), useRef<HTMLDivElement>(null)] as const;
  const charts = useRef<CandleChart[]>([]);
  const latest = useRef(shown);
  latest.current = shown;
  useEffect(() => {
    const sides = layout === "over" ? ["theirs"] as const : ["theirs", "ours"] as const;
    const mounted: CandleChart[] = sides.map((side, at) =>
      new CandleChart(roots[at]!.current!, {
        source: () => sourceOf(latest.current, side, layout),
        zone: () => app.preferences.zone.peek(),
        onHover: (startsAtMs) => {
          hovered.value = startsAtMs;
          for (const other of mounted) {
            if (other !== mounted[at]) other.pointAt(startsAtMs, mounted[at]?.hoverY ?? 0);
          }
        },
        onView: (view) => {
          for (const other of mounted) if (other !== mounted[at]) other.show(view);
        },
        onIncomplete: () => {},
        onNeedsOlder: () => {},
      })
    );
    charts.current = mounted;
    for (const chart of mounted) chart.request();
    return () => {
      for (const chart of mounted) chart.destroy();
      charts.current = [];
    };
  }, []);
  useEffect(() => {
    for (const chart of charts.current) chart.request();
  }, [shown]);
  useSignalEffect(() => {
    app.preferences.theme.value;
    app.preferences.zone.value;
    for (const chart of charts.current) chart.repaint();
  });
  return (
    <div class="compare-plots">
      <figure>
        <figcaption>
          {layout === "over"
            ? (
              <>
                <i class="key-theirs" aria-hidden="true" />
                {t("upbit")}
                <i class="key-ours" aria-hidden="true" />
                Stofka
              </>
            )
            : t("upbit")}
        </figcaption>
        <div
          class="chart"
          ref={roots[0]}
          tabIndex={0}
          role="application"
          aria-label={t("upbit")}
        />
      </figure>
      {layout === "beside" && (
        <figure>
          <figcaption>Stofka</figcaption>
          <div class="chart" ref={roots[1]} tabIndex={0} role="application" aria-label="Stofka" />
        </figure>
      )}
    </div>
  );
}

function sourceOf(shown: Shown, side: "ours" | "theirs", layout: Layout): ChartSource {
  const { page, bands } = shown;
  return {
    market: page.market,
    interval: page.interval,
    series: shown[side],
    unknown: null,
    unknownText: "",
    gaps: bands,
    headMs: page.untilMs,
    beside: shown[side === "ours" ? "theirs" : "ours"],
    fit: { fromMs: page.sinceMs, toMs: page.untilMs },
    ...(layout === "over" ? { over: shown.ours } : {}),
  };
}

/** Both rows under the crosshair; without one, how to get there. */
function Pointed({ app, page, at }: {
  readonly app: App;
  readonly page: ComparePage;
  readonly at: number | null;
}) {
  const { t } = app.preferences;
  const bucket: CompareBucket | undefined = at === null
    ? undefined
    : page.buckets.find(({ startsAtMs }) => startsAtMs === at);
  if (bucket !== undefined) {
    return <BothRows app={app} interval={page.interval} bucket={bucket} />;
  }
  return <p class="compare-point">{t(at === null ? "comparePoint" : "compareNone")}</p>;
}
