import { expect, test } from "vitest";
import { partitionOf } from "#core/partition.ts";
import { takenWindow } from "./retention.ts";
import { readBatch } from "./read_batch.ts";
import { deadLetter } from "./dead_letter.ts";
import { namespace } from "#core/namespace.ts";
import {
  batch,
  listingRecord,
  markRecord,
  record,
  secondRecord,
  START_MS,
  workOf,
} from "./testing/records.ts";

const headers = { origin: "websocket", received_at: String(START_MS + 1_007) };

test("a second's decimals are canonical and its provenance is the header's", () => {
  const [second] = workOf("second", secondRecord({ volume: "1.2300000000" })).seconds;
  expect(second!.event).toMatchObject({
    market: "KRW-BTC",
    startsAtMs: START_MS,
    open: "142009000",
    volume: "1.23",
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
