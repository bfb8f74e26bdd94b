import { expect, test } from "vitest";
import { decimal } from "#core/decimal.ts";
import { type CandleEvent, candleEvent } from "#core/event/candle_event.ts";
import { market } from "#core/market.ts";
import { candleRevision } from "#core/revision.ts";
import { SecondRows } from "./second_rows.ts";

/** A second of the socket's; with a correction, as the exchange told it otherwise. */
function second(at: number, price: string, correctionMs = 0): CandleEvent {
  const one = decimal(price);
  const startsAtMs = at * 1_000;
  const event = candleEvent(
    {
      market: market("KRW-BTC"),
      interval: "1s",
      startsAtMs,
      open: one,
      high: one,
      low: one,
      close: one,
      volume: one,
      turnover: one,
      lastTickAtMs: startsAtMs + 5,
    },
    startsAtMs,
    correctionMs > 0 ? "rest" : "websocket",
  );
  return { ...event, revision: candleRevision(correctionMs, event.lastTickAtMs, one) };
}

const shown = ({ series }: SecondRows): readonly string[] =>
  Array.from({ length: series.length }, (_, at) => {
    const { startsAtMs, close } = series.row(at)!;
    return `${startsAtMs / 1_000} ${close}`;
  });

test("a repaired second takes its place among the others; a corrected one stays, whatever older comes later", () => {
  const rows = new SecondRows();
  rows.second(second(1, "10"));
  rows.second(second(3, "30"));
  expect(rows.second({ ...second(2, "20"), origin: "rest" })).toBe(true);
  expect(rows.second(second(3, "29", 90_000))).toBe(true);
  expect(rows.second(second(3, "31"))).toBe(false);
  expect(shown(rows)).toEqual(["1 10", "2 20", "3 29"]);
});

test("a second that was taken back goes and stays away, but for a newer one", () => {
  const rows = new SecondRows();
  rows.second(second(1, "10"));
  rows.second(second(2, "20"));
  const deleted = { ...second(2, "20", 90_000), deleted: true } as const;
  expect(rows.second(deleted)).toBe(true);
  expect(rows.second(deleted)).toBe(false);
  expect(rows.second(second(2, "21"))).toBe(false);
  // one that was never shown here, too
  rows.second({ ...second(3, "30", 90_000), deleted: true });
  expect(rows.second(second(3, "30"))).toBe(false);
  expect(shown(rows)).toEqual(["1 10"]);
  expect(rows.second(second(2, "22", 95_000))).toBe(true);
  expect(rows.second(deleted)).toBe(false);
  expect(shown(rows)).toEqual(["1 10", "2 22"]);
});
