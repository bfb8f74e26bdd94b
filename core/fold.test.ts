import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Candle } from "./candle.ts";
import { type Decimal, decimal } from "./decimal.ts";
import {
  decodePostgresCandleEvent,
  encodePostgresCandleEvent,
} from "./event/postgres_candle_event.ts";
import { foldCandles, foldOnto } from "./fold.ts";
import { bucketEndMs, bucketStartMs, INTERVALS } from "./interval.ts";
import { market } from "./market.ts";
import { rollupRevision } from "./revision.ts";

const BTC = market("KRW-BTC");
const NEW_YEAR_MS = Date.UTC(2024, 11, 31, 23, 50);

function second(startsAtMs: number, units: number, lastTickAtMs = startsAtMs + 900): Candle {
  const price = (offset: number): Decimal => decimal(String((units + offset) / 100));
  return {
    market: BTC,
    interval: "1s",
    startsAtMs,
    open: price(1),
    high: price(3),
    low: price(0),
    close: price(2),
    volume: decimal(`0.${String(units).padStart(8, "0")}`),
    turnover: decimal(`${units}.000000000001`),
    lastTickAtMs,
  };
}

/** Seconds around a year's end, ascending, with holes. */
const seconds = fc.uniqueArray(fc.integer({ min: 0, max: 1_200 }), { minLength: 1, maxLength: 60 })
  .chain((offsets) =>
    fc.array(fc.integer({ min: 1, max: 99_999_999 }), {
      minLength: offsets.length,
      maxLength: offsets.length,
    }).map((units) =>
      offsets.sort((a, b) => a - b)
        .map((offset, at) => second(NEW_YEAR_MS + offset * 1_000, units[at]!))
    )
  );

describe("foldOnto()", () => {
  test("cutting the seconds anywhere into a stored row and a rest changes nothing", () => {
    fc.assert(
      fc.property(seconds, fc.constantFrom(...INTERVALS), fc.nat(60), (all, interval, cut) => {
        const whole = foldOnto(interval, null, all);
        const at = Math.min(cut, all.length);
        const stored = foldOnto(interval, null, all.slice(0, at));
        const row = stored.at(-1) ?? null;
        const rest = foldOnto(interval, row, all.slice(at));
        const first = rest[0];
        const kept = first !== undefined && row?.startsAtMs === first.startsAtMs
          ? stored.slice(0, -1)
          : stored;
        expect([...kept, ...rest]).toEqual(whole);
      }),
    );
  });

  test("a row that is closed is not continued", () => {
    const row = { ...foldCandles("1m", [second(NEW_YEAR_MS, 5)]), untilMs: NEW_YEAR_MS + 60_000 };
    const [next] = foldOnto("1m", row, [second(NEW_YEAR_MS + 60_000, 7)]);
    expect(next).toMatchObject({ startsAtMs: NEW_YEAR_MS + 60_000, turnover: "7.000000000001" });
  });

  test("seconds that are folded in already are our mistake", () => {
    const row = { ...foldCandles("1m", [second(NEW_YEAR_MS, 5)]), untilMs: NEW_YEAR_MS + 60_000 };
    expect(() => foldOnto("1m", row, [second(NEW_YEAR_MS + 59_000, 7)])).toThrow("follow");
  });
});

test("foldCandles() keeps first and last, extremes, exact sums, and the latest tick of all", () => {
  const parts = [second(NEW_YEAR_MS, 400, NEW_YEAR_MS + 2_500), second(NEW_YEAR_MS + 1_000, 100)];
  expect(foldCandles("3m", parts)).toEqual({
    market: BTC,
    interval: "3m",
    startsAtMs: bucketStartMs("3m", NEW_YEAR_MS),
    open: "4.01",
    high: "4.03",
    low: "1",
    close: "1.02",
    volume: "0.000005",
    turnover: "500.000000000002",
    lastTickAtMs: NEW_YEAR_MS + 2_500,
  });
});

test("a postgres-candle event comes back as it was, digit by digit", () => {
  const event = {
    ...foldCandles("1mo", [second(NEW_YEAR_MS, 12_345_678)]),
    untilMs: bucketEndMs("1mo", bucketStartMs("1mo", NEW_YEAR_MS)),
    closed: true,
    complete: false,
    deleted: false,
    source: "exchange" as const,
    revision: rollupRevision(3, 9_007_199_254),
  };
  expect(decodePostgresCandleEvent(encodePostgresCandleEvent(event))).toEqual(event);
  expect(encodePostgresCandleEvent(event)).toContain(`"turnover":12345678.000000000001,`);
});
