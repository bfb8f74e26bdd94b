import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { Failure } from "#core/failure.ts";
import type { Market } from "#core/market.ts";
import type { Namespace } from "#core/namespace.ts";
import { partitionOf } from "#core/partition.ts";
import { marks, STARTED } from "./coverage.ts";
import { RecordMaker } from "./records.ts";

const maker = new RecordMaker("simulated." as Namespace, "replay");
const BTC = "KRW-BTC" as Market;

test("an element keeps its very bytes and says where it came from", () => {
  const bytes = Buffer.from('{"trade_price":142009000.00000000}');
  const record = maker.element("candle", BTC, bytes, 1_795_362_423_007, "3f9c1a-1");
  expect(record.value).toBe(bytes);
  expect(record).toMatchObject({
    topic: "simulated.market_candle_1s",
    partition: partitionOf(BTC),
    key: "KRW-BTC",
    headers: { origin: "replay", received_at: "1795362423007", frame: "3f9c1a-1" },
  });
  expect(maker.element("ticker", BTC, bytes, 1, "f").topic).toBe("simulated.market_ticker");
});

test("marks go to the candles' topic, one to each partition, without a key", () => {
  const records = maker.marks(marks(STARTED, 0, 1));
  expect(records.map(({ partition }) => partition)).toEqual([...records.keys()]);
  expect(records[3]).toMatchObject({
    topic: "simulated.market_candle_1s",
    key: null,
    headers: { kind: "mark" },
  });
});

test("a delisted market is a tombstone", () => {
  expect(maker.listing(BTC, null, 1)).toMatchObject({ key: "KRW-BTC", value: null, partition: 0 });
});

test("a dead letter keeps the bytes and the reason", () => {
  const bytes = Buffer.from([0xff, 0x00]);
  const record = maker.deadLetter(bytes, 1, "f", new Failure("frame_unreadable", "…"));
  expect(record.value).toBe(bytes);
  expect(record).toMatchObject({
    topic: "simulated.market_dead_letter",
    key: null,
    headers: { dead_code: "frame_unreadable", dead_reason: "…", frame: "f" },
  });
});
