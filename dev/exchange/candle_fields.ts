import type { Candle } from "./book.ts";
import { kstText, type Unit, utcText } from "./calendar.ts";
import { amount, type Field } from "./element.ts";
import { ratio } from "./spelling.ts";

/** `candle.1s`, `candle.240m`; undefined for units that the exchange does not stream. */
export function candleType(unit: Unit): string | undefined {
  if (unit === "s") return "candle.1s";
  return typeof unit === "number" ? `candle.${unit}m` : undefined;
}

/** The fields of a WebSocket candle between `code` and `stream_type`, in the wire's order. */
export function streamCandle(candle: Candle): Field[] {
  return [
    ["candle_date_time_utc", "cdttmu", utcText(candle.startsAtMs)],
    ["candle_date_time_kst", "cdttmk", kstText(candle.startsAtMs)],
    ["opening_price", "op", amount(candle.open, 8)],
    ["high_price", "hp", amount(candle.high, 8)],
    ["low_price", "lp", amount(candle.low, 8)],
    ["trade_price", "tp", amount(candle.close, 8)],
    ["candle_acc_trade_volume", "catv", amount(candle.volume, 8)],
    ["candle_acc_trade_price", "catp", amount(candle.turnover, 16)],
    ["timestamp", "tms", candle.lastTickAtMs],
  ];
}

/** A row of a REST answer. @param previousClose close of the day before: day candles alone state it, null where unknown */
export function restCandle(candle: Candle, previousClose: bigint | null): Field[] {
  return [
    ["market", "", candle.market],
    ["candle_date_time_utc", "", utcText(candle.startsAtMs)],
    ["candle_date_time_kst", "", kstText(candle.startsAtMs)],
    ["opening_price", "", amount(candle.open, 8)],
    ["high_price", "", amount(candle.high, 8)],
    ["low_price", "", amount(candle.low, 8)],
    ["trade_price", "", amount(candle.close, 8)],
    ["timestamp", "", candle.lastTickAtMs],
    ["candle_acc_trade_price", "", amount(candle.turnover, 16, true)],
    ["candle_acc_trade_volume", "", amount(candle.volume, 8)],
    ...unitFields(candle, previousClose),
  ];
}

function unitFields(candle: Candle, previousClose: bigint | null): Field[] {
  const { unit } = candle;
  if (unit === "s") return [];
  if (typeof unit === "number") return [["unit", "", unit]];
  if (unit !== "d") return [["first_day_of_period", "", utcText(candle.startsAtMs).slice(0, 10)]];
  if (previousClose === null) {
    return [
      ["prev_closing_price", "", null],
      ["change_price", "", null],
      ["change_rate", "", null],
    ];
  }
  const change = candle.close - previousClose;
  return [
    ["prev_closing_price", "", amount(previousClose, 8)],
    ["change_price", "", amount(change, 8)],
    ["change_rate", "", amount(ratio(change, previousClose), 10)],
  ];
}

/** A second of the ledger. */
export function ledgerCandle(candle: Candle): Field[] {
  return [
    ["market", "", candle.market],
    ["starts_at_ms", "", candle.startsAtMs],
    ["last_tick_at_ms", "", candle.lastTickAtMs],
    ["open", "", amount(candle.open, 8)],
    ["high", "", amount(candle.high, 8)],
    ["low", "", amount(candle.low, 8)],
    ["close", "", amount(candle.close, 8)],
    ["volume", "", amount(candle.volume, 8)],
    ["turnover", "", amount(candle.turnover, 16)],
  ];
}
