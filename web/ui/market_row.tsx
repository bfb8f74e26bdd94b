import { memo } from "preact/compat";
import { useEffect, useRef } from "preact/hooks";
import { quoteOf } from "#core/market.ts";
import { grouped, signed, turnoverShort } from "../format/number.ts";
import type { ListedMarket } from "../net/requests.ts";
import type { App } from "../state/app.ts";
import { Change, directionOf } from "./change.tsx";

interface RowProps {
  readonly app: App;
  readonly entry: ListedMarket;
  readonly topPx: number;
  readonly position: number;
  readonly size: number;
  readonly active: boolean;
}

export const MarketRow = memo(function MarketRow(props: RowProps) {
  const { app, entry, topPx, position, size, active } = props;
  const { language, t } = app.preferences;
  const { market } = entry;
  const ticker = app.board.ticker(market).value;
  const quote = quoteOf(market);
  const korean = language.value === "ko";
  const direction = directionOf(ticker?.changePrice ?? null);
  const turnover = ticker?.turnover24h == null ? null : turnoverShort(ticker.turnover24h, quote);
  return (
    <div
      id={`row-${market}`}
      class="row"
      role="option"
      aria-selected={market === app.market.value}
      aria-posinset={position}
      aria-setsize={size}
      data-active={active}
      style={{ transform: `translateY(${topPx}px)` }}
      onClick={() => app.route.choose(market)}
    >
      <span class="row-name">
        <b>{korean ? entry.koreanName : entry.englishName}</b>
        <small>
          {market.slice(quote.length + 1)}/{quote}
          <em lang={korean ? "en" : "ko"}>{korean ? entry.englishName : entry.koreanName}</em>
        </small>
      </span>
      <Price text={ticker === null ? "–" : grouped(ticker.price)} direction={direction} />
      <span class="row-change">
        <Change rate={ticker?.changeRate ?? null} />
        <small class={direction}>
          {ticker?.changePrice == null ? "" : signed(ticker.changePrice)}
        </small>
      </span>
      <span class="row-turnover">
        {turnover?.digits ?? "–"}
        {turnover !== null && <span class="unit">{turnover.millions ? t("million") : quote}</span>}
      </span>
    </div>
  );
});

/** Lights up when it changed, by an animation that costs no layout. */
function Price({ text, direction }: { readonly text: string; readonly direction: string }) {
  const cell = useRef<HTMLSpanElement>(null);
  const before = useRef(text);
  useEffect(() => {
    if (before.current === text) return;
    const known = before.current !== "–";
    before.current = text;
    if (known && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      cell.current?.animate(FLASH, FLASH_TIMING);
    }
  }, [text]);
  return (
    <span class={`row-price ${direction}`}>
      {text}
      <span class="flash" ref={cell} aria-hidden="true" />
    </span>
  );
}

const FLASH: Keyframe[] = [{ opacity: 1 }, { opacity: 1, offset: 0.35 }, { opacity: 0 }];
const FLASH_TIMING: KeyframeAnimationOptions = { duration: 480, easing: "ease-out" };
