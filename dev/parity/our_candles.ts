import { PAGE_ROWS_MAX } from "#core/candle_page.ts";
import type { Candle } from "#core/candle.ts";
import { decimal } from "#core/decimal.ts";
import { Failure } from "#core/failure.ts";
import type { Interval } from "#core/interval.ts";
import { parseJsonNumbersAsText } from "#core/json_numbers.ts";
import type { Market } from "#core/market.ts";

export interface OurCandles {
  readonly candles: readonly Candle[];
  /** Starts of those whose whole bucket is covered, ascending. */
  readonly completeStartsMs: readonly number[];
  /** Everything received before this is in the rows, ms. */
  readonly knownUntilMs: number;
}

/**
 * What a user of Stofka is answered for [sinceMs, untilMs), oldest first: the same address that the page asks.
 *
 * @throws Failure `stofka_away`, `stofka_refused`
 */
export async function ourCandles(
  page: string,
  market: Market,
  interval: Interval,
  sinceMs: number,
  untilMs: number,
): Promise<OurCandles> {
  const candles: Candle[] = [];
  const completeStartsMs: number[] = [];
  let knownUntilMs = Infinity;
  for (let toMs = untilMs;;) {
    const answer = await ask(page, {
      market,
      interval,
      to: String(toMs),
      count: String(PAGE_ROWS_MAX),
    });
    const { columns } = answer;
    const starts = columns["starts_at_ms"]!.map(Number);
    const rows = starts.map((startsAtMs, at) => ({
      market,
      interval,
      startsAtMs,
      open: decimal(columns["open"]![at]!),
      high: decimal(columns["high"]![at]!),
      low: decimal(columns["low"]![at]!),
      close: decimal(columns["close"]![at]!),
      volume: decimal(columns["volume"]![at]!),
      turnover: decimal(columns["turnover"]![at]!),
      lastTickAtMs: Number(columns["last_tick_at_ms"]![at]!),
    }));
    const wanted = (startsAtMs: number): boolean => startsAtMs >= sinceMs;
    candles.unshift(...rows.filter(({ startsAtMs }) => wanted(startsAtMs)));
    completeStartsMs.unshift(
      ...starts.filter((start, at) =>
        wanted(start) && columns["complete"]![at] as unknown === true
      ),
    );
    knownUntilMs = Math.min(knownUntilMs, Number(answer.known_until_ms));
    if (!answer.more || starts.length === 0 || starts[0]! <= sinceMs) {
      return { candles, completeStartsMs, knownUntilMs };
    }
    toMs = starts[0]!;
  }
}

interface Answer {
  readonly known_until_ms: string;
  readonly more: boolean;
  readonly columns: Readonly<Record<string, readonly string[]>>;
}

async function ask(page: string, query: Record<string, string>): Promise<Answer> {
  const address = `${page.replace(/\/$/, "")}/api/candles?${new URLSearchParams(query)}`;
  let answer: Response;
  try {
    answer = await fetch(address, { signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    throw new Failure("stofka_away", `${address} does not answer; see npm run status`, error);
  }
  const text = await answer.text();
  if (!answer.ok) {
    throw new Failure("stofka_refused", `${address} answers ${answer.status}: ${text}`);
  }
  return parseJsonNumbersAsText(text) as Answer;
}
