import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { groupMessages, speedUpEncoding } from "./fast_encoding.ts";
import {
  decodeRecordBatch,
  encodeRecordBatch,
  FetchedRecord,
  type RecordToWrite,
} from "./fast_records.ts";
import { consumedRecord } from "./records.ts";

const require = createRequire(import.meta.url);
/** The originals, taken before anything is replaced. */
const { RecordBatch } = require("kafkajs/src/protocol/recordBatch/v0/index.js");
const slowRecord = require("kafkajs/src/protocol/recordBatch/record/v0/index.js");
const slowDecode = require("kafkajs/src/protocol/recordBatch/v0/decoder.js");
const slowGroups = require("kafkajs/src/producer/groupMessagesPerPartition.js");
const Decoder = require("kafkajs/src/protocol/decoder.js");

const head = {
  firstTimestampMs: 1_735_792_085_824,
  maxTimestampMs: 1_735_792_085_999,
  producerId: 4_300_000_000n,
  producerEpoch: 3,
  firstSequence: 70_000,
};

const texts = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: "grapheme", maxLength: 8 }));
const values = fc.oneof(
  fc.constant(null),
  texts,
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);
/** kafkajs takes a header of an object's own names ("toString") for one that came before, and joins the two. */
const headerNames = texts.filter((name) => !(name in Object.prototype));
const batches = fc.array(
  fc.record({
    key: fc.option(texts),
    value: values,
    headers: fc.dictionary(headerNames, texts, { maxKeys: 4 }),
  }),
  { minLength: 1, maxLength: 20 },
).map((records) =>
  records.map((record, offsetDelta) => ({ ...record, offsetDelta, timestampDelta: 0 }))
);

async function slowEncode(records: readonly RecordToWrite[], more = {}): Promise<Buffer> {
  const encoder = await RecordBatch({
    records: records.map(slowRecord),
    firstTimestamp: head.firstTimestampMs,
    maxTimestamp: head.maxTimestampMs,
    lastOffsetDelta: records.length - 1,
    producerId: head.producerId,
    producerEpoch: head.producerEpoch,
    firstSequence: head.firstSequence,
    ...more,
  });
  return Buffer.from(encoder.buffer);
}

describe("record batches", () => {
  test("encodeRecordBatch() writes the bytes that kafkajs writes", async () => {
    await fc.assert(fc.asyncProperty(batches, async (records) => {
      expect(encodeRecordBatch(head, records).equals(await slowEncode(records))).toBe(true);
    }));
  });

  test("decodeRecordBatch() reads what kafkajs reads, wherever the batch lies", async () => {
    await fc.assert(
      fc.asyncProperty(
        batches,
        fc.nat(9),
        fc.bigInt(0n, 1n << 50n),
        async (records, from, offset) => {
          const batch = encodeRecordBatch(head, records);
          batch.writeBigInt64BE(offset, 0);
          const bytes = Buffer.concat([Buffer.alloc(from), batch, Buffer.alloc(5)]);
          const fast = decodeRecordBatch(bytes, from)!;
          const slow = await slowDecode(new Decoder(Buffer.from(batch)));
          expect(fast.end).toBe(from + batch.length);
          expect(fast.records.map((one) => plain(consumedRecord("t", 1, one)))).toEqual(
            slow.records.map((one: never) => plain(consumedRecord("t", 1, one))),
          );
        },
      ),
    );
  });

  test("decodeRecordBatch() reads times and offsets that differ by much", () => {
    const records = [
      { key: null, value: "a", offsetDelta: 0, timestampDelta: 0 },
      { key: null, value: "b", offsetDelta: 1_000_000, timestampDelta: 1_000_000_000 },
      { key: null, value: "c", offsetDelta: 1_000_001, timestampDelta: -5 },
    ];
    const { records: read } = decodeRecordBatch(encodeRecordBatch(head, records), 0)!;
    expect(read.map(({ offset }) => offset)).toEqual([0n, 1_000_000n, 1_000_001n]);
    expect(read.map(({ timestamp }) => timestamp - head.firstTimestampMs)).toEqual(
      [0, 1_000_000_000, -5],
    );
  });

  test("decodeRecordBatch() leaves to kafkajs what it does not know, and what is cut off", () => {
    const batch = encodeRecordBatch(head, [{
      key: "k",
      value: "v",
      offsetDelta: 0,
      timestampDelta: 0,
    }]);
    expect(decodeRecordBatch(batch, 0)).not.toBeNull();
    expect(decodeRecordBatch(batch.subarray(0, -1), 0)).toBeNull();
    for (const bit of [1, 2, 4, 8, 16, 32, 64]) {
      const unusual = Buffer.from(batch);
      unusual[22] = bit;
      expect(decodeRecordBatch(unusual, 0)).toBeNull();
    }
    const old = Buffer.from(batch);
    old[16] = 1;
    expect(decodeRecordBatch(old, 0)).toBeNull();
  });

  test("kafkajs loaded after speedUpEncoding() writes and reads by them, compressed batches by itself", async () => {
    speedUpEncoding();
    const decodeMessages = require("kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js");
    const { RecordBatch: replaced } = require("kafkajs/src/protocol/recordBatch/v0/index.js");
    const records = [{ key: "k", value: "v", offsetDelta: 0, timestampDelta: 0 }];
    const encoded = async (more = {}) => {
      const encoder = await replaced({
        records,
        firstTimestamp: head.firstTimestampMs,
        maxTimestamp: head.maxTimestampMs,
        ...more,
      });
      const size = Buffer.alloc(4);
      size.writeInt32BE(encoder.buffer.length);
      return await decodeMessages(new Decoder(Buffer.concat([size, encoder.buffer])));
    };
    const [fast] = await encoded();
    expect(fast).toBeInstanceOf(FetchedRecord);
    const [slow] = await encoded({ compression: 1 });
    expect(slow).not.toBeInstanceOf(FetchedRecord);
    expect(plain(consumedRecord("t", 0, slow))).toEqual(plain(consumedRecord("t", 0, fast)));
  });

  test("groupMessages() groups as kafkajs does", () => {
    fc.assert(fc.property(fc.array(fc.nat(5)), (partitions) => {
      const args = {
        topic: "t",
        partitionMetadata: [{}],
        messages: partitions.map((partition, at) => ({ partition, at })),
        partitioner: ({ message }: { message: { partition: number } }) => message.partition,
      };
      expect(groupMessages(args)).toEqual(slowGroups(args));
    }));
  });
});

function plain({ offset, key, value, headers, timestampMs }: ReturnType<typeof consumedRecord>) {
  return {
    offset,
    key,
    value: value === null ? null : value.toString("hex"),
    headers,
    timestampMs,
  };
}
