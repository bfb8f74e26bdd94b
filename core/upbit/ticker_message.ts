import { Failure, shown } from "../failure.ts";
import type { Ticker } from "../ticker.ts";
import { type Element, Fields } from "./fields.ts";

const CHANGES = ["RISE", "EVEN", "FALL"] as const;

/** The DEFAULT format's names of what {@link readTicker} reads. */
export const TICKER_FIELDS = [
  "type",
  "code",
  "trade_price",
  "prev_closing_price",
  "change",
  "signed_change_price",
  "signed_change_rate",
  "high_price",
  "low_price",
  "acc_trade_volume_24h",
  "acc_trade_price_24h",
  "acc_trade_volume",
  "timestamp",
  "trade_timestamp",
] as const;

/**
 * A ticker element of the stream, in DEFAULT or SIMPLE format; of its 33 fields those we use.
 *
 * @param element parsed by `parseJsonNumbersAsText`
 * @throws Failure `field_invalid`, `decimal_invalid`, `decimal_too_long`
 * @see https://docs.upbit.com/kr/reference/websocket-ticker
 */
export function readTicker(element: Element): Ticker {
  const fields = new Fields(element);
  const type = fields.text("type", "ty");
  if (type !== "ticker") {
    throw new Failure("field_invalid", `type is ${shown(type)}, expected ticker`);
  }
  const change = fields.raw("change", "c") ?? null;
  if (change !== null && !CHANGES.includes(change as (typeof CHANGES)[number])) {
    throw new Failure(
      "field_invalid",
      `change is ${shown(change)}, expected ${CHANGES.join(", ")}`,
    );
  }
  return {
    market: fields.market(),
    price: fields.decimal("trade_price", "tp"),
    previousClose: fields.decimalOrNull("prev_closing_price", "pcp"),
    change: change as Ticker["change"],
    changePrice: fields.decimalOrNull("signed_change_price", "scp"),
    changeRate: fields.decimalOrNull("signed_change_rate", "scr"),
    high: fields.decimalOrNull("high_price", "hp"),
    low: fields.decimalOrNull("low_price", "lp"),
    volume24h: fields.amountOrNull("acc_trade_volume_24h", "atv24h"),
    turnover24h: fields.amountOrNull("acc_trade_price_24h", "atp24h"),
    volumeToday: fields.amountOrNull("acc_trade_volume", "atv"),
    timestampMs: fields.timeMs("timestamp", "tms"),
    tradeTimestampMs: fields.timeMs("trade_timestamp", "ttms"),
  };
}
