import fc from "fast-check";
import { expect, test } from "vitest";
import { decimal } from "../decimal.ts";
import { INTERVALS } from "../interval.ts";
import { BREAK_CAUSES } from "../mark.ts";
import type { Market } from "../market.ts";
import { candleRevision, rollupRevision } from "../revision.ts";
import { candleEvent, decodeCandleEvent, encodeCandleEvent } from "./candle_event.ts";
import { decodeLinkEvent, encodeLinkEvent } from "./link_event.ts";
import { encodePostgresCandleEvent, type PostgresCandleEvent } from "./postgres_candle_event.ts";
import { decodeTail, encodeTail } from "./tail_event.ts";
import { decodeTickerEvent, encodeTickerEvent, tickerEvent } from "./ticker_event.ts";
import { EXCHANGE_KINDS } from "../exchange_kind.ts";

const time = fc.integer({ min: 0, max: 101_559_956_668_415 });
const market = fc.constantFrom("KRW-BTC", "USDT-1INCH") as fc.Arbitrary<Market>;
/** Digits no binary float holds. */
const amount = fc.tuple(
  fc.bigInt({ min: 0n, max: 10n ** 20n }),
  fc.bigInt({ min: 0n, max: 10n ** 19n }),
)
  .map(([whole, fraction]) => decimal(`${whole}.${fraction}`));
const amountOrNull = fc.option(amount, { nil: null });

const candle = fc.record({
  market,
  interval: fc.constantFrom(...INTERVALS),
  startsAtMs: time,
  open: amount,
  high: amount,
  low: amount,
  close: amount,
  volume: amount,
  turnover: amount,
  lastTickAtMs: time,
}).chain((candle) =>
  fc.tuple(time, fc.constantFrom("websocket", "replay")).map(([receivedAtMs, origin]) =>
    candleEvent(candle, receivedAtMs, origin)
  )
);

const ticker = fc.record({
  market,
  price: amount,
  previousClose: amountOrNull,
  change: fc.constantFrom("RISE", "EVEN", "FALL", null),
  changePrice: fc.option(amount.map((value) => decimal(`-${value}`)), { nil: null }),
  changeRate: amountOrNull,
  high: amountOrNull,
  low: amountOrNull,
  volume24h: amountOrNull,
  turnover24h: amountOrNull,
  volumeToday: amountOrNull,
  timestampMs: time,
  tradeTimestampMs: time,
}).chain((ticker) => time.map((receivedAtMs) => tickerEvent(ticker, receivedAtMs)));

const link = fc.record({
  link: fc.constantFrom("up", "down"),
  cause: fc.constantFrom(...BREAK_CAUSES),
  writtenAtMs: time,
  untilMs: time,
});

test("a candle event comes back with every digit, and whether it was taken back", () => {
  fc.assert(fc.property(candle, (event) => {
    expect(decodeCandleEvent(encodeCandleEvent(event))).toStrictEqual(event);
    const deleted = { ...event, deleted: true } as const;
    expect(decodeCandleEvent(encodeCandleEvent(deleted))).toStrictEqual(deleted);
  }));
});

test("a ticker event comes back with every digit and every null", () => {
  fc.assert(fc.property(ticker, (event) => {
    expect(decodeTickerEvent(encodeTickerEvent(event))).toEqual(event);
  }));
});

test("a link event comes back", () => {
  fc.assert(fc.property(link, (event) => {
    expect(decodeLinkEvent(encodeLinkEvent(event))).toEqual(event);
  }));
});

const rollup = fc.record({ candle, closed: fc.boolean(), sequence: fc.nat() }).map(
  ({ candle, closed, sequence }): PostgresCandleEvent => {
    const { receivedAtMs: _, origin: __, ...rest } = candle;
    return {
      ...rest,
      interval: "1m",
      closed,
      complete: !closed,
      deleted: closed,
      source: "folded",
      untilMs: candle.startsAtMs,
      revision: rollupRevision(1, sequence),
    };
  },
);

test("a tail comes back whole; without roll-ups asked for it does not speak of them", () => {
  fc.assert(fc.property(
    fc.record({
      sinceMs: time,
      exchange: fc.constantFrom(...EXCHANGE_KINDS),
      link: fc.option(link, { nil: null }),
      tickers: fc.array(ticker, { maxLength: 4 }),
      candles: fc.array(candle, { maxLength: 4 }),
      postgresCandles: fc.option(fc.array(rollup, { maxLength: 4 }), { nil: null }),
    }),
    (tail) => {
      const text = encodeTail({
        ...tail,
        link: tail.link === null ? null : encodeLinkEvent(tail.link),
        tickers: tail.tickers.map(encodeTickerEvent),
        candles: tail.candles.map(encodeCandleEvent),
        postgresCandles: tail.postgresCandles?.map(encodePostgresCandleEvent) ?? null,
      });
      expect(decodeTail(text)).toEqual({ ...tail, postgresCandles: tail.postgresCandles ?? [] });
      expect(text.includes("postgres")).toBe(tail.postgresCandles !== null);
    },
  ));
});

test("numbers are JSON numbers with the canonical digits, and the whole is JSON", () => {
  fc.assert(fc.property(candle, (event) => {
    const text = encodeCandleEvent(event);
    expect(text).toContain(`"volume":${event.volume},`);
    expect(JSON.parse(text)).toMatchObject({
      market: event.market,
      starts_at_ms: event.startsAtMs,
    });
  }));
});

test("the revision of an event is that of its content", () => {
  fc.assert(fc.property(candle, ({ revision, lastTickAtMs, volume }) => {
    expect(revision).toBe(candleRevision(0, lastTickAtMs, volume));
  }));
});

test("a damaged event is refused by name", () => {
  const text = encodeLinkEvent({ link: "up", cause: "started", writtenAtMs: 1, untilMs: 1 });
  expect(() => decodeLinkEvent(text.replace(`"until_ms":1`, `"until_ms":"soon"`))).toThrow(
    expect.objectContaining({ code: "event_invalid" }),
  );
  expect(() => decodeTickerEvent("[]")).toThrow(expect.objectContaining({ code: "event_invalid" }));
});
