import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "./crc32c.ts";

const slowCrc = createRequire(import.meta.url)(
  "kafkajs/src/protocol/recordBatch/crc32C/crc32C.js",
) as typeof crc32c;

test("crc32c() is the checksum of RFC 3720, and kafkajs's for any bytes", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    expect(crc32c(bytes)).toBe(slowCrc(bytes));
  }));
});
