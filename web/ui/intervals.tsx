import { useEffect, useRef } from "preact/hooks";
import type { Interval } from "#core/interval.ts";
import type { App } from "../state/app.ts";
import { intervalName, intervalText } from "../text/interval.ts";

/** The candle lengths that the server has. On a narrow screen they scroll, and the chosen one is brought into sight. */
export function Intervals({ app }: { readonly app: App }) {
  const { t, language } = app.preferences;
  const strip = useRef<HTMLDivElement>(null);
  const chosen = app.interval.value;
  const offered = app.intervals.value ?? [chosen];
  useEffect(() => {
    const pressed = strip.current?.querySelector<HTMLElement>("[aria-pressed=true]");
    const { offsetLeft = 0, offsetWidth = 0 } = pressed ?? {};
    const { clientWidth = 0 } = strip.current ?? {};
    strip.current?.scrollTo({ left: offsetLeft + offsetWidth / 2 - clientWidth / 2 });
  }, [chosen, offered]);
  return (
    <div class="intervals" role="group" aria-label={t("intervals")} ref={strip}>
      {offered.map((interval: Interval) => (
        <button
          type="button"
          key={interval}
          data-interval={interval}
          aria-pressed={interval === chosen}
          aria-label={intervalName(interval, language.value)}
          onClick={() => app.route.chooseInterval(interval)}
        >
          {intervalText(interval, language.value)}
        </button>
      ))}
    </div>
  );
}
