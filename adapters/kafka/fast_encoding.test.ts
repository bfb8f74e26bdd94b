import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "./crc32c.ts";
import { speedUpEncoding } from "./fast_encoding.ts";

const require = createRequire(import.meta.url);
/** The original, taken before it is replaced. */
const Encoder = require("kafkajs/src/protocol/encoder.js");
const slowWriteUVarInt = Encoder.prototype.writeUVarInt;

test("speedUpEncoding() writes variable-length integers as kafkajs does", () => {
  speedUpEncoding();
  expect(Encoder.prototype.writeUVarInt).not.toBe(slowWriteUVarInt);
  fc.assert(fc.property(fc.integer(), fc.nat(600), (value, before) => {
    const written = (write: (value: number) => unknown) => {
      const encoder = new Encoder(before).writeVarIntBytes(Buffer.alloc(before));
      write.call(encoder, Encoder.encodeZigZag(value));
      return encoder.buffer.toString("hex");
    };
    expect(written(Encoder.prototype.writeUVarInt)).toBe(written(slowWriteUVarInt));
  }));
});

test("kafkajs loaded after speedUpEncoding() sums with the faster checksum", () => {
  speedUpEncoding();
  expect(require("kafkajs/src/protocol/recordBatch/crc32C/index.js")).toBe(crc32c);
});
