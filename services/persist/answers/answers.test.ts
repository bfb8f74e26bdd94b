import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import type { ConsumedBatch } from "#adapters/kafka/records.ts";
import type { Candle } from "#core/candle.ts";
import { decimal } from "#core/decimal.ts";
import type { CandleEvent } from "#core/event/candle_event.ts";
import { encodeExchangeAnswer } from "#core/exchange_answer.ts";
import { market } from "#core/market.ts";
import { answers } from "./answers.ts";
import { NOTHING_STORED, type StoredAnswers } from "./store_answers.ts";

const BTC = market("KRW-BTC");
const NOW_MS = Date.parse("2026-11-22T12:00:00Z");

function second(agoS: number): Candle {
  const one = decimal("1");
  const startsAtMs = NOW_MS - agoS * 1_000;
  const prices = { open: one, high: one, low: one, close: one, volume: one, turnover: one };
  return { market: BTC, interval: "1s", startsAtMs, ...prices, lastTickAtMs: startsAtMs + 5 };
}

const keys = (...agoS: readonly number[]): Set<string> =>
  new Set(agoS.map((ago) => `${BTC} ${second(ago).startsAtMs}`));

/** Stores an answer of these seconds, with what the table made of it. */
async function take(
  agoS: readonly number[],
  stored: Partial<StoredAnswers>,
): Promise<{ readonly steps: readonly string[]; readonly told: readonly CandleEvent[] }> {
  const steps: string[] = [];
  const told: CandleEvent[] = [];
  const { handle, worker } = answers({
    nowMs: () => NOW_MS,
    history: { store: () => Promise.resolve({ ...NOTHING_STORED, ...stored, refusals: [] }) },
    deadLetters: { send: () => Promise.resolve() },
    latest: { put: () => Promise.resolve(void steps.push("Redis")) },
    readers: {
      send: (events) => {
        steps.push("readers");
        told.push(...events);
        return Promise.resolve();
      },
    },
    observe: { stored: () => {} },
  }, { rowsMax: 1_000, batchesMax: 2 });
  const stop = new AbortController();
  const running = worker.run(stop.signal);
  const rows = agoS.map(second);
  const batch = {
    topic: "exchange_candle",
    partition: 0,
    highWatermark: 1n,
    records: [{
      topic: "exchange_candle",
      partition: 0,
      offset: 0n,
      timestampMs: NOW_MS,
      key: BTC,
      headers: {},
      value: Buffer.from(encodeExchangeAnswer({
        market: BTC,
        interval: "1s",
        sinceMs: Math.min(...rows.map(({ startsAtMs }) => startsAtMs)),
        untilMs: NOW_MS - 20_000,
        fetchedAtMs: NOW_MS - 1_000,
        rows: rows.map(({ startsAtMs, lastTickAtMs }) =>
          JSON.stringify({
            market: BTC,
            candle_date_time_utc: new Date(startsAtMs).toISOString().slice(0, 19),
            opening_price: 1,
            high_price: 1,
            low_price: 1,
            trade_price: 1,
            candle_acc_trade_volume: 1,
            candle_acc_trade_price: 1,
            timestamp: lastTickAtMs,
          })
        ),
      })),
    }],
  } as ConsumedBatch;
  await handle(batch, stop.signal);
  stop.abort();
  await running;
  return { steps, told };
}

test("readers are told what an answer changed in the last hour, once the stores have it", async () => {
  const { steps, told } = await take([30, 40, 5_000], {
    seconds: 2,
    taken: keys(30, 40, 5_000),
    // 40 stood there in a newer revision
    changed: keys(30, 5_000),
  });
  expect(steps).toEqual(["Redis", "readers"]);
  expect(told).toMatchObject([{ startsAtMs: NOW_MS - 30_000, origin: "rest" }]);
  expect("deleted" in told[0]!).toBe(false);
});

test("readers are told of each correction, however old, and of what was taken back", async () => {
  const correctionMs = NOW_MS - 1_000;
  const { told } = await take([30], {
    corrections: [
      { candle: second(9_000), correctionMs, deleted: false },
      { candle: second(50), correctionMs, deleted: true },
    ],
  });
  expect(told.map(({ startsAtMs, deleted }) => [(NOW_MS - startsAtMs) / 1_000, deleted ?? false]))
    .toEqual([[9_000, false], [50, true]]);
  // above whatever the socket sends
  for (const { revision } of told) expect(revision > "0000000010").toBe(true);
});

test("an answer that says nothing new tells nobody anything", async () => {
  expect((await take([30], {})).steps).toEqual([]);
});
