import type { Candle } from "../candle.ts";
import type { Interval } from "../interval.ts";
import { type Element, Fields, utcSecondMs } from "./fields.ts";

/** Where the exchange's REST interface serves an interval's candles, below its base address. */
export const CANDLE_PATHS: Readonly<Record<Interval, string>> = {
  "1s": "candles/seconds",
  "1m": "candles/minutes/1",
  "3m": "candles/minutes/3",
  "5m": "candles/minutes/5",
  "10m": "candles/minutes/10",
  "15m": "candles/minutes/15",
  "30m": "candles/minutes/30",
  "1h": "candles/minutes/60",
  "4h": "candles/minutes/240",
  "1d": "candles/days",
  "1w": "candles/weeks",
  "1mo": "candles/months",
};

/** Most candles one answer holds; a larger `count` is cut to it without a word. */
export const REST_CANDLES_MAX = 200;

/**
 * A candle of a REST answer:
 *
 * ```json
 * {"market":"KRW-BTC","candle_date_time_utc":"2026-03-11T14:40:58","candle_date_time_kst":"2026-03-11T23:40:58",
 *  "opening_price":103460000.0,"high_price":103460000.0,"low_price":103458000.0,"trade_price":103458000.0,
 *  "timestamp":1773240058227,"candle_acc_trade_price":2654722.02446,"candle_acc_trade_volume":0.0256597}
 * ```
 *
 * Its turnover passed through a float64 at the exchange, so its last digits may differ from the true sum.
 *
 * @param element parsed by `parseJsonNumbersAsText`
 * @throws Failure `field_invalid`, `decimal_invalid`, `decimal_too_long`, `time_invalid`
 * @see https://docs.upbit.com/kr/reference/list-candles-seconds
 */
export function readRestCandle(interval: Interval, element: Element): Candle {
  // REST says market where the stream says code; everything else is named alike
  const fields = new Fields({ ...element, code: element["market"] });
  return {
    market: fields.market(),
    interval,
    startsAtMs: utcSecondMs(fields.text("candle_date_time_utc", "")),
    open: fields.decimal("opening_price", ""),
    high: fields.decimal("high_price", ""),
    low: fields.decimal("low_price", ""),
    close: fields.decimal("trade_price", ""),
    volume: fields.decimal("candle_acc_trade_volume", ""),
    turnover: fields.decimal("candle_acc_trade_price", ""),
    lastTickAtMs: fields.timeMs("timestamp", ""),
  };
}
