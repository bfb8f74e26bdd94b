import { assertPossible, type Candle } from "../candle.ts";
import { Failure, shown } from "../failure.ts";
import { bucketStartMs, type Interval } from "../interval.ts";
import { type Element, Fields, utcSecondMs } from "./fields.ts";

/** The stream's names of the candle intervals. There is no daily candle stream. */
export const CANDLE_TYPES: Readonly<Record<string, Interval>> = {
  "candle.1s": "1s",
  "candle.1m": "1m",
  "candle.3m": "3m",
  "candle.5m": "5m",
  "candle.10m": "10m",
  "candle.15m": "15m",
  "candle.30m": "30m",
  "candle.60m": "1h",
  "candle.240m": "4h",
};

/** The DEFAULT format's names of what {@link readCandle} reads. */
export const CANDLE_FIELDS = [
  "type",
  "code",
  "candle_date_time_utc",
  "opening_price",
  "high_price",
  "low_price",
  "trade_price",
  "candle_acc_trade_volume",
  "candle_acc_trade_price",
  "timestamp",
] as const;

/**
 * A candle element of the stream, in DEFAULT or SIMPLE format:
 *
 * ```json
 * {"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"2025-01-02T04:28:05",
 *  "candle_date_time_kst":"2025-01-02T13:28:05","opening_price":142009000.00000000,"high_price":142009000.00000000,
 *  "low_price":142009000.00000000,"trade_price":142009000.00000000,"candle_acc_trade_volume":0.00606119,
 *  "candle_acc_trade_price":860743.5307100000000000,"timestamp":1735792085824,"stream_type":"REALTIME"}
 * ```
 *
 * @param element parsed by `parseJsonNumbersAsText`
 * @throws Failure `field_invalid`, `decimal_invalid`, `decimal_too_long`, `time_invalid`, `candle_type_unknown`,
 * `candle_off_grid`, `candle_absurd`
 * @see https://docs.upbit.com/kr/reference/websocket-candle
 */
export function readCandle(element: Element): Candle {
  const fields = new Fields(element);
  const type = fields.text("type", "ty");
  const interval = Object.hasOwn(CANDLE_TYPES, type) ? CANDLE_TYPES[type] : undefined;
  if (interval === undefined) {
    throw new Failure("candle_type_unknown", `${shown(type)} is not a candle type`);
  }
  const candle: Candle = {
    market: fields.market(),
    interval,
    startsAtMs: utcSecondMs(fields.text("candle_date_time_utc", "cdttmu")),
    open: fields.decimal("opening_price", "op"),
    high: fields.decimal("high_price", "hp"),
    low: fields.decimal("low_price", "lp"),
    close: fields.decimal("trade_price", "tp"),
    volume: fields.decimal("candle_acc_trade_volume", "catv"),
    turnover: fields.decimal("candle_acc_trade_price", "catp"),
    lastTickAtMs: fields.timeMs("timestamp", "tms"),
  };
  if (bucketStartMs(interval, candle.startsAtMs) !== candle.startsAtMs) {
    throw new Failure(
      "candle_off_grid",
      `${candle.market} ${type} starts at ${
        new Date(candle.startsAtMs).toISOString()
      }, between two buckets`,
    );
  }
  assertPossible(candle);
  return candle;
}
