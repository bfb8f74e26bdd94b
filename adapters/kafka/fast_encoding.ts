import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { Failure } from "#core/failure.ts";

/** The parts of kafkajs's encoder that are made faster. */
interface Encoder {
  buf: Buffer;
  offset: number;
  ensureAvailable(bytes: number): void;
  writeUVarInt(value: number): Encoder;
}

const CRC = "kafkajs/src/protocol/recordBatch/crc32C/index.js";
const FAST = Symbol.for("stofka.fast_encoding");

/**
 * Makes kafkajs 2.2.4 encode records faster; to be called before kafkajs itself is loaded. A profile of ingest at 5,000
 * tickers a second spent 19 % in its checksum, byte by byte at 65 MB/s, and 14 % in making a Buffer for each variable-length
 * integer, of which a record has ten.
 *
 * @throws Failure `kafkajs_changed` when a newer kafkajs no longer has the shape this was written for
 */
export function speedUpEncoding(): void {
  const require = createRequire(import.meta.url);
  const version = (require("kafkajs/package.json") as { version: string }).version;
  if (version !== "2.2.4") {
    throw new Failure(
      "kafkajs_changed",
      `kafkajs is ${version}, not 2.2.4; see whether its checksum and its varints still need help`,
    );
  }
  const crc = require.resolve(CRC);
  require(CRC);
  require.cache[crc]!.exports = crc32c;
  const { prototype } = require("kafkajs/src/protocol/encoder.js") as {
    prototype: Encoder & { [FAST]?: true };
  };
  if (prototype[FAST] === true) return;
  prototype.writeUVarInt = function (this: Encoder, value: number): Encoder {
    this.ensureAvailable(5);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.buf[this.offset++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buf[this.offset++] = rest;
    return this;
  };
  prototype[FAST] = true;
}

/** The Castagnoli polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;

/** CRC-32C of the bytes, eight at a step ("slicing by eight"): four times as fast as one at a step. */
export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables ??= makeTables();
  let crc = -1;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    crc = t7[crc & 255]! ^ t6[crc >>> 8 & 255]! ^ t5[crc >>> 16 & 255]! ^ t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^ t2[bytes[at + 5]!]! ^ t1[bytes[at + 6]!]! ^ t0[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = t0[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

type Table = Int32Array;
type Tables = readonly [Table, Table, Table, Table, Table, Table, Table, Table];
let tables: Tables | undefined;

function makeTables(): Tables {
  const made = Array.from({ length: 8 }, () => new Int32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    made[0]![byte] = crc;
  }
  for (let table = 1; table < 8; table++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = made[table - 1]![byte]!;
      made[table]![byte] = (before >>> 8) ^ made[0]![before & 255]!;
    }
  }
  return made as unknown as Tables;
}
