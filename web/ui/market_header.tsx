import type { Decimal } from "#core/decimal.ts";
import { quoteOf } from "#core/market.ts";
import { grouped, signed, turnoverShort, volumeShort } from "../format/number.ts";
import type { App } from "../state/app.ts";
import { Change, directionOf } from "./change.tsx";
import { BackIcon } from "./icons.tsx";

/** The chosen market: name, price, change, and the day in figures. */
export function MarketHeader({ app }: { readonly app: App }) {
  const { t, language } = app.preferences;
  const market = app.market.value;
  const ticker = app.board.ticker(market).value;
  const entry = app.board.markets.value.find((one) => one.market === market);
  const name = language.value === "ko" ? entry?.koreanName : entry?.englishName;
  const [quote, base] = [quoteOf(market), market.slice(market.indexOf("-") + 1)];
  const turnover = ticker?.turnover24h == null ? null : turnoverShort(ticker.turnover24h, quote);
  return (
    <div class="market-header">
      <button
        type="button"
        class="icon-button back"
        aria-label={t("toMarkets")}
        onClick={() => app.route.show("markets")}
      >
        <BackIcon />
      </button>
      <div class="market-title">
        <h1>{name ?? market}</h1>
        <span class="market-code">{base}/{quote}</span>
      </div>
      <div class={`market-price ${directionOf(ticker?.changePrice ?? null)}`}>
        <strong>{ticker === null ? "–" : grouped(ticker.price)}</strong>
        <span class="unit">{quote}</span>
        <span class="market-change">
          <Change rate={ticker?.changeRate ?? null} />
          {ticker?.changePrice != null && <span>{signed(ticker.changePrice)}</span>}
        </span>
      </div>
      <dl class="market-figures">
        <Figure name={t("high24")} value={exact(ticker?.high)} />
        <Figure name={t("low24")} value={exact(ticker?.low)} />
        <Figure
          name={t("volume24")}
          value={ticker?.volume24h == null ? "–" : volumeShort(ticker.volume24h)}
          unit={base}
        />
        <Figure
          name={t("turnover24")}
          value={turnover?.digits ?? "–"}
          unit={turnover?.millions ? t("million") : quote}
        />
      </dl>
    </div>
  );
}

function Figure({ name, value, unit }: {
  readonly name: string;
  readonly value: string;
  readonly unit?: string;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {unit !== undefined && value !== "–" && <span class="unit">{unit}</span>}
      </dd>
    </div>
  );
}

function exact(value: Decimal | null | undefined): string {
  return value == null ? "–" : grouped(value);
}
