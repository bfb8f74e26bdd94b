import type { Candle } from "./candle.ts";
import type { Decimal } from "./decimal.ts";
import { Failure } from "./failure.ts";
import type { Market } from "./market.ts";
import type { Ticker } from "./ticker.ts";

/**
 * A price more than so many times another's is doubted: a slip by three digits, while the true price halves. Of 546 recorded
 * candles the widest, a month's, spans a factor of 1.6.
 */
export const PRICE_FACTOR_MAX = 500;

/** How far a second may start after it was received: clocks differ, and dropping all there is because of one is worse. */
export const FUTURE_MS_MAX = 600_000;

/**
 * How far a turnover may lie outside of [low × volume, high × volume]: far beyond any rounding, so that an exchange that
 * rounds otherwise than recorded is not refused wholesale. In the 546 recorded candles none lies outside at all.
 */
const TURNOVER_SHARE_MAX = 0.01;
/** Of a volume and of a turnover, where a share says nothing: 0.00000003 BTC may be rounded to anything. */
const VOLUME_ROUNDING = 1e-8;
const TURNOVER_ROUNDING = 1e-6;

/**
 * So many seconds in a row that agree within a factor are the market's new price. Fewer, and a broken source that spoils two
 * seconds of five would be believed now and then; what is doubted meanwhile comes by REST.
 */
export const AGREEING_SECONDS_MIN = 10;
const AGREEING_FACTOR_MAX = 10;

/** The exchange lists below a thousand markets. */
const MARKETS_MAX = 10_000;

/** A market's last good price, and since then the seconds that were doubted because of it and agree with each other. */
interface Level {
  readonly price: number;
  readonly doubted: Doubted | null;
}

interface Doubted {
  readonly price: number;
  /** Of the newest. */
  readonly startsAtMs: number;
  readonly seconds: number;
}

/**
 * Doubts seconds of the live stream that trades can make but hardly did. Unlike what {@link assertPossible} refuses they may be
 * true, so a doubt costs no data: the record is kept in the dead letter, its second is a hole that repair asks the exchange's
 * REST interface for, and what that says is not doubted.
 *
 * Every reader of the stream doubts alike, given the same records in the same order: a second that is not stored is not shown.
 * Doubts compare binary floats, since their bounds are wide; no number made here is kept.
 */
export class Plausibility {
  readonly #levels = new Map<Market, Level>();

  /**
   * @param receivedAtMs when the second was received, ms
   * @param replayedAtMs when an operator sent it again from the dead letter, ms, and so vouches for its numbers: then only a
   * time that is still ahead is doubted, since a clock may have been mended meanwhile. NaN: it is the first time
   * @returns why the second is doubted, or null. Codes: `second_in_future`, `turnover_doubtful`, `price_doubtful`
   */
  doubt(candle: Candle, receivedAtMs: number, replayedAtMs = NaN): Failure | null {
    if (!Number.isNaN(replayedAtMs)) return inFuture(candle, replayedAtMs);
    return inFuture(candle, receivedAtMs) ?? turnover(candle) ?? this.#price(candle);
  }

  /**
   * Against the market's last good price. Prices do move for good (a coin is redenominated while nobody looks): when the next
   * seconds agree with a doubted one, they mean it.
   */
  #price(candle: Candle): Failure | null {
    const { market, startsAtMs, open, high, low, close } = candle;
    const [top, bottom] = [Number(high), Number(low)];
    if (top > bottom * PRICE_FACTOR_MAX) {
      return new Failure("price_doubtful", `${market} high ${high} is far above its low ${low}`);
    }
    const held = this.#levels.get(market);
    const price = Number(close);
    if (held !== undefined && far(held.price, top, bottom)) {
      const doubted = next(held.doubted, price, startsAtMs);
      if (doubted.seconds < AGREEING_SECONDS_MIN) {
        this.#levels.set(market, { price: held.price, doubted });
        return new Failure(
          "price_doubtful",
          `${market} open ${open}, close ${close} is ${PRICE_FACTOR_MAX} times off ${held.price}, its last good price`,
        );
      }
    }
    if (held === undefined && this.#levels.size >= MARKETS_MAX) this.#levels.clear();
    this.#levels.set(market, { price, doubted: null });
    return null;
  }
}

/**
 * A ticker is its market's latest state, and its times are what makes it the latest: one from the future would stand until then,
 * in Redis and in the compacted topic too. Its numbers are not doubted, since the next ticker replaces them.
 *
 * @param receivedAtMs when it was received, ms
 * @param replayedAtMs when an operator sent it again from the dead letter, ms; NaN: it is the first time
 * @throws Failure `ticker_in_future`
 */
export function assertTickerTime(
  { market, timestampMs, tradeTimestampMs }: Ticker,
  receivedAtMs: number,
  replayedAtMs = NaN,
): void {
  const atMs = Number.isNaN(replayedAtMs) ? receivedAtMs : replayedAtMs;
  const newestMs = Math.max(timestampMs, tradeTimestampMs);
  if (newestMs <= atMs + FUTURE_MS_MAX) return;
  throw new Failure(
    "ticker_in_future",
    `${market} ticker of ${iso(newestMs)} was received at ${
      iso(atMs)
    }; if that repeats, check this machine's clock`,
  );
}

function inFuture({ market, startsAtMs }: Candle, atMs: number): Failure | null {
  if (startsAtMs <= atMs + FUTURE_MS_MAX) return null;
  return new Failure(
    "second_in_future",
    `${market} ${iso(startsAtMs)} starts after it was received at ${
      iso(atMs)
    }; if that repeats, check this machine's clock`,
  );
}

function turnover({ market, high, low, volume, turnover }: Candle): Failure | null {
  const [top, bottom, amount, value] = [high, low, volume, turnover].map(Number) as Numbers;
  const least = bottom * (amount - VOLUME_ROUNDING) * (1 - TURNOVER_SHARE_MAX) - TURNOVER_ROUNDING;
  const most = top * (amount + VOLUME_ROUNDING) * (1 + TURNOVER_SHARE_MAX) + TURNOVER_ROUNDING;
  if (value >= least && value <= most) return null;
  const range = (price: Decimal) => `${price} × ${volume}`;
  return new Failure(
    "turnover_doubtful",
    `${market} turnover ${turnover} is not between ${range(low)} and ${range(high)}`,
  );
}

type Numbers = [top: number, bottom: number, amount: number, value: number];

/** The same second again, or an older one, adds nothing. */
function next(doubted: Doubted | null, price: number, startsAtMs: number): Doubted {
  if (doubted === null || ratio(doubted.price, price) > AGREEING_FACTOR_MAX) {
    return { price, startsAtMs, seconds: 1 };
  }
  if (startsAtMs <= doubted.startsAtMs) return doubted;
  return { price, startsAtMs, seconds: doubted.seconds + 1 };
}

function far(price: number, top: number, bottom: number): boolean {
  return top > price * PRICE_FACTOR_MAX || bottom * PRICE_FACTOR_MAX < price;
}

function ratio(a: number, b: number): number {
  return a > b ? a / b : b / a;
}

function iso(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}
