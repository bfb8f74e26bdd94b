import fc from "fast-check";
import { expect, test } from "vitest";
import { assertPossible, type Candle } from "./candle.ts";
import { type Decimal, decimal } from "./decimal.ts";
import { market } from "./market.ts";
import type { Ticker } from "./ticker.ts";
import { assertTickerTime, FUTURE_MS_MAX, Plausibility } from "./plausible.ts";

const START_MS = 1_735_792_085_000;
const RECEIVED_MS = START_MS + 1_007;

/** https://docs.upbit.com/kr/reference/websocket-candle */
const REAL: Candle = {
  market: market("KRW-BTC"),
  interval: "1s",
  startsAtMs: START_MS,
  open: decimal("142009000.00000000"),
  high: decimal("142009000.00000000"),
  low: decimal("142009000.00000000"),
  close: decimal("142009000.00000000"),
  volume: decimal("0.00606119"),
  turnover: decimal("860743.5307100000000000"),
  lastTickAtMs: START_MS + 824,
};

/** All prices and the turnover times 10^digits: as consistent as a lie can be. */
function scaled(candle: Candle, digits: number, second = 0): Candle {
  const times = (value: Decimal) => decimal(`${value}E${digits}`);
  const { open, high, low, close, turnover } = candle;
  return {
    ...candle,
    startsAtMs: candle.startsAtMs + second * 1_000,
    open: times(open),
    high: times(high),
    low: times(low),
    close: times(close),
    turnover: times(turnover),
  };
}

const codes = (candles: readonly Candle[]): readonly (string | null)[] => {
  const plausibility = new Plausibility();
  return candles.map((candle) =>
    plausibility.doubt(candle, candle.startsAtMs + 1_007)?.code ?? null
  );
};

test("the documented second is believed, and each of its numbers 1000 times off is not", () => {
  expect(codes([REAL])).toEqual([null]);
  for (const field of ["volume", "turnover"] as const) {
    for (const digits of [-3, 3]) {
      expect(codes([{ ...REAL, [field]: decimal(`${REAL[field]}E${digits}`) }]))
        .toEqual(["turnover_doubtful"]);
    }
  }
  expect(codes([{ ...REAL, high: decimal("142009000001") }])).toEqual(["price_doubtful"]);
  expect(codes([{ ...REAL, low: decimal("142008") }])).toEqual(["price_doubtful"]);
  const prices = { open: REAL.open, high: REAL.high, low: REAL.low, close: REAL.close };
  const off = Object.fromEntries(
    Object.entries(prices).map(([name, price]) => [name, decimal(`${price}E3`)]),
  );
  expect(codes([{ ...REAL, ...off }])).toEqual(["turnover_doubtful"]);
});

test("trades make no doubt, however small, large or many", () => {
  const trade = fc.record({
    // in 10⁻⁸: the cheapest of the BTC market to a hundred times the dearest of the KRW market
    price: fc.bigInt(1n, 2n * 10n ** 18n),
    volume: fc.bigInt(1n, 10n ** 18n),
  });
  const text = (units: bigint, digits: number): Decimal => {
    const all = units.toString().padStart(digits + 1, "0");
    return decimal(`${all.slice(0, -digits)}.${all.slice(-digits)}`);
  };
  fc.assert(
    fc.property(trade, fc.array(fc.tuple(fc.nat(990), trade), { maxLength: 20 }), (one, others) => {
      // within a second prices lie within a factor of PRICE_FACTOR_MAX
      const trades = [
        one,
        ...others.map(([more, { volume }]) => ({
          price: one.price + one.price * BigInt(more) / 2n,
          volume,
        })),
      ];
      const prices = trades.map(({ price }) => price);
      const candle: Candle = {
        ...REAL,
        open: text(prices[0]!, 8),
        close: text(prices.at(-1)!, 8),
        high: text(prices.reduce((a, b) => a > b ? a : b), 8),
        low: text(prices.reduce((a, b) => a < b ? a : b), 8),
        volume: text(trades.reduce((sum, { volume }) => sum + volume, 0n), 8),
        turnover: text(trades.reduce((sum, t) => sum + t.price * t.volume, 0n), 16),
      };
      assertPossible(candle);
      expect(codes([candle])).toEqual([null]);
      // as a float64, and cut to eight digits, as REST answers and other exchanges may have it
      expect(codes([{ ...candle, turnover: decimal(Number(candle.turnover).toPrecision(15)) }]))
        .toEqual([null]);
      const cut = /^\d+(?:\.\d{1,8})?/.exec(candle.turnover)![0];
      expect(codes([{ ...candle, turnover: decimal(cut) }])).toEqual([null]);
    }),
    { numRuns: 500 },
  );
});

test("a price 501 times the last good one is doubted, 499 times is not, up and down", () => {
  const at = (price: number, second: number): Candle =>
    ({
      ...REAL,
      startsAtMs: START_MS + second * 1_000,
      open: String(price),
      high: String(price),
      low: String(price),
      close: String(price),
      volume: "1",
      turnover: String(price),
    }) as unknown as Candle;
  expect(codes([at(1_000, 0), at(501_000, 1), at(499_000, 2)])).toEqual([
    null,
    "price_doubtful",
    null,
  ]);
  expect(codes([at(501_000, 0), at(1_000, 1), at(1_004, 2)])).toEqual([
    null,
    "price_doubtful",
    null,
  ]);
});

test("one lie is doubted, again when it comes again; ten seconds in a row that agree are the market's new price", () => {
  const good = (second: number) => scaled(REAL, 0, second);
  const lie = (second: number, digits = 4) => scaled(REAL, digits, second);
  const doubt = "price_doubtful";
  expect(codes([good(0), lie(1), good(2), lie(3), good(4)])).toEqual([
    null,
    doubt,
    null,
    doubt,
    null,
  ]);
  expect(codes([good(0), lie(1), lie(1), lie(1)])).toEqual([null, doubt, doubt, doubt]);
  expect(codes([good(0), lie(1, 4), lie(2, 6), lie(3, 8)])).toEqual([null, doubt, doubt, doubt]);
  // nine seconds in a row are not enough; each good one in between begins it anew
  const lies = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => lie(from + i));
  const few = [good(0), ...lies(1, 9), good(10), ...lies(11, 9), good(20)];
  expect(codes(few).filter((code) => code === null)).toHaveLength(3);
  expect(codes([good(0), ...lies(1, 12)]).slice(-4)).toEqual([doubt, null, null, null]);
  // an older one counts as little as the same
  expect(codes([good(0), lie(5), ...lies(1, 4), ...lies(1, 4), ...lies(1, 4)]).slice(1))
    .toEqual(Array.from({ length: 13 }, () => doubt));
});

test("one market's prices say nothing of another's", () => {
  const other = { ...scaled(REAL, -4), market: market("KRW-XRP") };
  expect(codes([REAL, other, REAL, other])).toEqual([null, null, null, null]);
});

test("a second that starts ten minutes after it was received is doubted, ten minutes of wrong clock are not", () => {
  const of = (atMs: number) => new Plausibility().doubt(REAL, atMs)?.code ?? null;
  expect(of(RECEIVED_MS)).toBeNull();
  expect(of(START_MS - FUTURE_MS_MAX)).toBeNull();
  expect(of(START_MS - FUTURE_MS_MAX - 1)).toBe("second_in_future");
  // of a recording, years later
  expect(of(START_MS + 10 ** 12)).toBeNull();
  const garbled = { ...REAL, startsAtMs: Date.UTC(3025, 0, 1) };
  expect(new Plausibility().doubt(garbled, RECEIVED_MS)?.message).toMatch(/3025-01-01.*clock/);
});

test("a ticker from the future is refused by either of its times, and a past one never", () => {
  const at = (timestampMs: number, tradeTimestampMs: number) => () =>
    assertTickerTime(
      { market: REAL.market, timestampMs, tradeTimestampMs } as Ticker,
      RECEIVED_MS,
    );
  const latestMs = RECEIVED_MS + FUTURE_MS_MAX;
  expect(at(latestMs, 0)).not.toThrow();
  expect(at(0, latestMs)).not.toThrow();
  expect(at(latestMs + 1, 0)).toThrow(expect.objectContaining({ code: "ticker_in_future" }));
  expect(at(0, latestMs + 1)).toThrow(expect.objectContaining({ code: "ticker_in_future" }));
});

test("an operator who sends a record again vouches for its numbers, not for a time that is still ahead", () => {
  const doubtful = { ...REAL, volume: decimal("1") };
  expect(new Plausibility().doubt(doubtful, RECEIVED_MS, RECEIVED_MS)).toBeNull();
  const ahead = { ...REAL, startsAtMs: START_MS + 3_600_000 };
  const code = (replayedAtMs: number) =>
    new Plausibility().doubt(ahead, RECEIVED_MS, replayedAtMs)?.code ?? null;
  expect(code(RECEIVED_MS + 60_000)).toBe("second_in_future");
  expect(code(RECEIVED_MS + 3_600_000)).toBeNull();
});
