import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import {
  compareCounts,
  type ComparePage,
  compareShare,
  type CompareVerdict,
  DIFFERING,
  type Stretch,
} from "#core/compare_page.ts";
import { market as marketOf } from "#core/market.ts";
import { momentText } from "../format/time.ts";
import { compareUrl } from "../net/requests.ts";
import type { App } from "../state/app.ts";
import { Intervals } from "../ui/intervals.tsx";
import { CompareCharts, type Layout } from "./compare_charts.tsx";
import { inputMs, inputText, type Range, RANGES, stretchOf } from "./compare_range.ts";
import { CompareSession, type CompareState } from "./compare_session.ts";
import { Differences } from "./differences.tsx";
import { shareText } from "./share_text.ts";

/** The exchange's candles beside ours, and what differs. */
export function CompareView({ app }: { readonly app: App }) {
  const { t } = app.preferences;
  const range = useSignal<Range>("day");
  const layout = useSignal<Layout>("beside");
  const custom = useSignal<Stretch | null>(null);
  const asked = useSignal(0);
  const market = app.market.value;
  const interval = app.interval.value;
  const [shown, setShown] = useState<{ session: CompareSession; stretch: Stretch } | null>(null);
  useEffect(() => {
    if (range.value === "custom" && custom.value === null) return;
    const stretch = range.value === "custom"
      ? custom.value!
      : stretchOf(range.value, interval, app.clock.nowMs());
    const query = { market, interval, ...stretch };
    const session = new CompareSession({
      fetch: (signal) => app.requests.compare(query, signal),
      wish: (signal) => app.requests.wishToCompare(query, signal),
      nowMs: () => app.clock.nowMs(),
    });
    const stop = new AbortController();
    setShown({ session, stretch });
    void session.run(stop.signal);
    return () => stop.abort();
  }, [market, interval, range.value, custom.value, asked.value]);
  const state = shown?.session.state.value ?? NOTHING;
  return (
    <main class="compare">
      <h1>{t("compareTitle")}</h1>
      <p class="compare-lead">{t("compareLead")}</p>
      <div class="compare-choices">
        <MarketChoice app={app} />
        <Segments
          label={t("compareRange")}
          value={range}
          options={RANGES.map((one) => [one, t(`range_${one}`)])}
        />
        <Segments
          label={t("compareLayout")}
          value={layout}
          options={[["beside", t("layoutBeside")], ["over", t("layoutOver")]]}
        />
        <button type="button" class="compare-button" onClick={() => asked.value++}>
          {t("compareAgain")}
        </button>
        {shown !== null && (
          <a
            class="compare-button"
            href={`${compareUrl({ market, interval, ...shown.stretch })}&format=csv`}
            download
          >
            {t("compareCsv")}
          </a>
        )}
      </div>
      <Intervals app={app} />
      {range.value === "custom" && <CustomRange app={app} chosen={custom} shown={shown?.stretch} />}
      <Result app={app} state={state} layout={layout.value} />
    </main>
  );
}

const NOTHING: CompareState = { page: null, fetched: null, failure: null };

function Result({ app, state, layout }: {
  readonly app: App;
  readonly state: CompareState;
  readonly layout: Layout;
}) {
  const { t } = app.preferences;
  const { page, failure } = state;
  return (
    <>
      {failure !== null && (
        <div class="compare-notice warn" role="alert">
          <b>{t("failed")}</b> {failure}
        </div>
      )}
      {page === null
        ? failure === null && (
          <div class="notice" role="status">
            <i class="spinner" aria-hidden="true" />
            <span>{t("loading")}</span>
          </div>
        )
        : (
          <>
            <Summary app={app} page={page} fetched={state.fetched} />
            <CompareCharts app={app} page={page} layout={layout} />
            <Differences app={app} page={page} />
          </>
        )}
    </>
  );
}

/** The share, what it is of, and what is not known yet. */
function Summary({ app, page, fetched }: {
  readonly app: App;
  readonly page: ComparePage;
  readonly fetched: number | null;
}) {
  const { t, zone } = app.preferences;
  const counts = compareCounts(page.buckets);
  const share = compareShare(counts);
  const told = (Object.entries(counts) as [CompareVerdict, number][])
    .filter(([verdict, count]) => count > 0 || verdict === "match" || verdict === "differ");
  const wrong = DIFFERING.some((verdict) => counts[verdict] > 0);
  return (
    <section class="compare-summary" aria-label={t("compareShare")}>
      <div
        class="compare-share"
        data-state={share === null ? "none" : wrong ? "warn" : "good"}
      >
        <strong>{shareText(share)}</strong>
        <span>{t("compareShare")}</span>
      </div>
      <div class="compare-told">
        <dl class="compare-counts">
          {told.map(([verdict, count]) => (
            <div
              key={verdict}
              data-verdict={verdict}
              data-wrong={count > 0 && DIFFERING.includes(verdict)}
              title={t(`verdictHint_${verdict}`)}
            >
              <dt>{t(`verdict_${verdict}`)}</dt>
              <dd>{count.toLocaleString("en")}</dd>
            </div>
          ))}
        </dl>
        <p class="compare-span">
          {momentText(page.sinceMs, zone.value)} – {momentText(page.untilMs, zone.value)}{" "}
          {zone.value}
          {page.cut && <>{" · "}{t("compareCut")}</>}
          {page.givenSinceMs !== null && (
            <>{" · "}{t("compareNotGiven", momentText(page.givenSinceMs, zone.value))}</>
          )}
          {page.interval === "1s" && <>{" · "}{t("compareSeconds")}</>}
        </p>
        {fetched !== null && (
          <p class="compare-fetching" role="status">
            <i class="spinner" aria-hidden="true" />
            <span>{t("compareFetching", Math.floor(fetched * 100))}</span>
            <progress max={1} value={fetched} aria-hidden="true" />
          </p>
        )}
      </div>
    </section>
  );
}

function MarketChoice({ app }: { readonly app: App }) {
  const { t, language } = app.preferences;
  const market = app.market.value;
  const markets = app.board.markets.value;
  return (
    <select
      class="compare-market"
      aria-label={t("compareMarket")}
      value={market}
      onChange={(event) => app.route.choose(marketOf(event.currentTarget.value))}
    >
      {markets.every((one) => one.market !== market) && <option value={market}>{market}</option>}
      {markets.map((one) => (
        <option key={one.market} value={one.market}>
          {one.market} · {language.value === "ko" ? one.koreanName : one.englishName}
        </option>
      ))}
    </select>
  );
}

function Segments<Value extends string>({ label, value, options }: {
  readonly label: string;
  readonly value: Signal<Value>;
  readonly options: readonly (readonly [Value, string])[];
}) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map(([one, text]) => (
        <button
          type="button"
          key={one}
          data-value={one}
          aria-pressed={value.value === one}
          onClick={() => value.value = one}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

/** Two times in the reader's zone; what was shown before is the begin. */
function CustomRange({ app, chosen, shown }: {
  readonly app: App;
  readonly chosen: Signal<Stretch | null>;
  readonly shown: Stretch | undefined;
}) {
  const { t, zone } = app.preferences;
  const now = app.clock.nowMs();
  const from = chosen.value ?? shown ?? { sinceMs: now - 3_600_000, untilMs: now };
  const take = (side: keyof Stretch, text: string): void => {
    const ms = inputMs(text, zone.value);
    if (ms === null) return;
    const next = { ...from, [side]: ms };
    if (next.sinceMs < next.untilMs) chosen.value = next;
  };
  const input = (side: keyof Stretch, label: string) => (
    <label>
      {label}
      <input
        type="datetime-local"
        value={inputText(from[side], zone.value)}
        onChange={(event) => take(side, event.currentTarget.value)}
      />
    </label>
  );
  return (
    <div class="compare-custom">
      {input("sinceMs", t("compareSince"))}
      {input("untilMs", t("compareUntil"))}
      <span>{zone.value}</span>
    </div>
  );
}
