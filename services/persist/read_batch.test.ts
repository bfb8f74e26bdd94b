import { expect, test } from "vitest";
import { partitionOf } from "#core/partition.ts";
import { takenWindow } from "./retention.ts";
import { Plausibility } from "#core/plausible.ts";
import { readBatch } from "./read_batch.ts";
import { deadLetter } from "./dead_letter.ts";
import { namespace } from "#core/namespace.ts";
import {
  ALL_TIME,
  batch,
  listingRecord,
  markRecord,
  record,
  secondRecord,
  START_MS,
  tickerRecord,
  workOf,
} from "./testing/records.ts";

const headers = { origin: "websocket", received_at: String(START_MS + 1_007) };

test("a second's decimals are canonical and its provenance is the header's", () => {
  const [second] = workOf(
    "second",
    secondRecord({ volume: "0.0060611900000", turnover: "860743.5307100000000000" }),
  ).seconds;
  expect(second!.event).toMatchObject({
    market: "KRW-BTC",
    startsAtMs: START_MS,
    open: "142009000",
    volume: "0.00606119",
    turnover: "860743.53071",
    receivedAtMs: START_MS + 1_007,
    origin: "websocket",
  });
});

test("marks and elements of one partition are told apart by the header", () => {
  const mark = {
    writtenAtMs: START_MS,
    link: "down",
    cause: "silent",
    session: null,
  } as const;
  const work = workOf("second", markRecord(mark), secondRecord());
  expect(work.marks.map((item) => item.mark)).toEqual([mark]);
  expect(work.seconds).toHaveLength(1);
  expect(partitionOf(work.seconds[0]!.event.market)).toBeTypeOf("number");
});

test.each([
  ["not JSON", record("{garbage", "KRW-BTC", headers), "record_unreadable"],
  ["an array", record("[1]", "KRW-BTC", headers), "record_unreadable"],
  ["no value", record(null, "KRW-BTC", headers), "record_empty"],
  ["another market's key", { ...secondRecord(), key: "KRW-ETH" }, "record_key_wrong"],
  ["no receive time", { ...secondRecord(), headers: { origin: "replay" } }, "header_invalid"],
  [
    "an unknown origin",
    { ...secondRecord(), headers: { ...headers, origin: "guess" } },
    "header_invalid",
  ],
  ["a price of 40 digits", secondRecord({ price: "1".repeat(40) }), "decimal_too_long"],
  ["a negative volume", secondRecord({ volume: "-1" }), "candle_absurd"],
])("%s is refused with its reason, and its market is not covered there", (_, bad, code) => {
  const work = workOf("second", secondRecord(), bad, secondRecord({ at: 1 }));
  expect(work.seconds).toHaveLength(2);
  expect(work.refusals.map(({ failure }) => failure.code)).toEqual([code]);
  expect(work.refusals[0]!.hole).toMatchObject({ market: bad.key });
});

test.each([
  ["a turnover of another number", { turnover: "860743530.7" }, "turnover_doubtful"],
  ["a volume of another number", { volume: "6.06119", turnover: "860743.53" }, "turnover_doubtful"],
  ["a time in the future", { at: 3_600 }, "second_in_future"],
])("a second with %s is not believed: it is a hole that repair asks for", (_, spec, code) => {
  const bad = secondRecord(spec);
  const received = { ...bad, headers };
  const work = workOf("second", received, secondRecord({ at: 1 }));
  expect(work.seconds).toHaveLength(1);
  const [{ failure, hole }] = work.refusals as [typeof work.refusals[0]];
  expect(failure.code).toBe(code);
  expect(hole).toEqual({
    market: "KRW-BTC",
    ...code === "second_in_future"
      // which second it was is not known: all it may have been
      ? { sinceMs: START_MS - 4_993, untilMs: START_MS + 2_007 }
      : { sinceMs: START_MS, untilMs: START_MS + 1_000 },
  });
});

test("a ticker from the future would stay the latest until then: it is refused, and sent again once its time has come", () => {
  const ahead = tickerRecord("KRW-BTC", "100", START_MS + 3_600_000, "1");
  const received = { ...ahead, headers };
  const read = (...records: Parameters<typeof batch>[0]) =>
    readBatch("ticker", batch(records), ALL_TIME);
  const { tickers, refusals } = read(received, tickerRecord("KRW-BTC", "100", START_MS, "1"));
  expect(tickers).toHaveLength(1);
  expect(refusals.map(({ failure, hole }) => [failure.code, hole])).toEqual([[
    "ticker_in_future",
    null,
  ]]);
  const again = { ...headers, replayed_at: String(START_MS + 3_600_000) };
  expect(read({ ...ahead, headers: again }).tickers).toHaveLength(1);
});

test("a price 1000 times the market's last good one is not believed, over batches", () => {
  const plausibility = new Plausibility();
  const read = (at: number, price: string) =>
    readBatch("second", batch([secondRecord({ at, price })]), ALL_TIME, plausibility);
  expect(read(0, "142009000").seconds).toHaveLength(1);
  expect(read(1, "142009000000000").refusals.map(({ failure }) => failure.code))
    .toEqual(["price_doubtful"]);
  expect(read(2, "142010000").seconds).toHaveLength(1);
});

test("a record sent again is taken at an operator's word, impossible ones never, and leaves no second hole", () => {
  const again = (bad: ReturnType<typeof secondRecord>) => ({
    ...bad,
    headers: { ...bad.headers, replayed_at: String(START_MS + 60_000) },
  });
  const work = workOf(
    "second",
    again(secondRecord({ volume: "6", turnover: "860743.53" })),
    again(secondRecord({ volume: "-1" })),
  );
  expect(work.seconds).toHaveLength(1);
  expect(work.refusals.map(({ failure, hole }) => [failure.code, hole])).toEqual([
    ["candle_absurd", null],
  ]);
  const { headers } = deadLetter(namespace(""), work.refusals[0]!);
  expect(headers["replayed_at"]).toBe(String(START_MS + 60_000));
});

test("a dead letter carries the bytes unchanged, the reason, and where they lay", () => {
  const bad = record("{garbage", "KRW-BTC", headers);
  const [refusal] = workOf("second", bad).refusals;
  const letter = deadLetter(namespace("simulated."), refusal!);
  expect(letter).toMatchObject({
    topic: "simulated.market_dead_letter",
    key: "KRW-BTC",
    headers: {
      ...headers,
      dead_code: "record_unreadable",
      source_topic: "market_candle_1s",
      source_partition: "3",
      source_offset: String(bad.offset),
    },
  });
  expect(letter.value).toBe(bad.value);
});

test("seconds before the kept days and more than a day ahead are refused; only the latter leave a hole", () => {
  const nowMs = START_MS + 10 * 86_400_000 + 5_000;
  const day = 86_400;
  const work = readBatch(
    "second",
    batch([
      secondRecord({ at: 3 * day - 1 }),
      secondRecord({ at: 3 * day }),
      secondRecord({ at: 11 * day + 4 }),
      secondRecord({ at: 11 * day + 5 }),
    ]),
    takenWindow(nowMs, 7),
  );
  expect(work.seconds.map(({ event }) => (event.startsAtMs - START_MS) / 1_000)).toEqual([
    3 * day,
    11 * day + 4,
  ]);
  expect(work.refusals.map(({ failure, hole }) => [failure.code, hole === null])).toEqual([
    ["second_too_old", true],
    ["second_in_future", false],
  ]);
});

test("a listing's tombstone is a delisting", () => {
  const work = workOf(
    "listing",
    listingRecord("KRW-BTC", "비트코인"),
    listingRecord("KRW-OLD", null),
  );
  expect(work.listings.map(({ market, listing }) => [market, listing?.koreanName ?? null])).toEqual(
    [
      ["KRW-BTC", "비트코인"],
      ["KRW-OLD", null],
    ],
  );
});
