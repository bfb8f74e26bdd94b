import { Buffer } from "node:buffer";
import { crc32c } from "./crc32c.ts";

/** A record as kafkajs's producer hands it on. */
export interface RecordToWrite {
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly key: Uint8Array | string | null | undefined;
  readonly value: Uint8Array | string | null;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The fields of a record batch before its records. */
export interface BatchHead {
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
}

/** Bytes of a batch before its first record: offset, length, epoch, magic, checksum, then what the checksum covers. */
const HEAD_BYTES = 61;
const CHECKED_FROM = 21;
const MAGIC = 2;

/**
 * A record batch of Kafka's format 2, uncompressed, written in one pass into one buffer. kafkajs makes a buffer of 512
 * zeros or more for each record and each header of it, and copies each into the next.
 *
 * @see https://kafka.apache.org/documentation/#recordbatch
 */
export function encodeRecordBatch(head: BatchHead, records: readonly RecordToWrite[]): Buffer {
  const bodies = new Array<number>(records.length);
  let bytes = HEAD_BYTES;
  for (let i = 0; i < records.length; i++) {
    const body = bodyBytes(records[i]!);
    bodies[i] = body;
    bytes += varIntBytes(body) + body;
  }
  const batch = Buffer.allocUnsafe(bytes);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(bytes - 12, 8);
  batch.writeInt32BE(0, 12);
  batch[16] = MAGIC;
  batch.writeInt16BE(0, CHECKED_FROM);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(head.firstTimestampMs), 27);
  batch.writeBigInt64BE(BigInt(head.maxTimestampMs), 35);
  batch.writeBigInt64BE(head.producerId, 43);
  batch.writeInt16BE(head.producerEpoch, 51);
  batch.writeInt32BE(head.firstSequence, 53);
  batch.writeInt32BE(records.length, 57);
  let at = HEAD_BYTES;
  for (let i = 0; i < records.length; i++) {
    at = writeVarInt(batch, at, bodies[i]!);
    at = writeBody(batch, at, records[i]!);
  }
  batch.writeUInt32BE(crc32c(batch.subarray(CHECKED_FROM)), 17);
  return batch;
}

function bodyBytes({ timestampDelta, offsetDelta, key, value, headers }: RecordToWrite): number {
  let bytes = 1 + varIntBytes(timestampDelta) + varIntBytes(offsetDelta) + textBytes(key) +
    textBytes(value);
  let count = 0;
  for (const name in headers) {
    count++;
    bytes += textBytes(name) + textBytes(headers[name]);
  }
  return bytes + varIntBytes(count);
}

function writeBody(batch: Buffer, from: number, record: RecordToWrite): number {
  const { timestampDelta, offsetDelta, key, value, headers } = record;
  let at = from;
  batch[at++] = 0;
  at = writeVarInt(batch, at, timestampDelta);
  at = writeVarInt(batch, at, offsetDelta);
  at = writeText(batch, at, key);
  at = writeText(batch, at, value);
  let count = 0;
  for (const _ in headers) count++;
  at = writeVarInt(batch, at, count);
  for (const name in headers) {
    at = writeText(batch, at, name);
    at = writeText(batch, at, headers[name]);
  }
  return at;
}

/** Length and bytes. */
function textBytes(value: Uint8Array | string | null | undefined): number {
  if (value == null) return 1;
  const bytes = typeof value === "string" ? utf8Bytes(value) : value.length;
  return varIntBytes(bytes) + bytes;
}

/** Texts here are short: looking at each character costs less than a call of the runtime. */
function utf8Bytes(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text);
  }
  return text.length;
}

function writeText(
  batch: Buffer,
  from: number,
  value: Uint8Array | string | null | undefined,
): number {
  if (value == null) return writeVarInt(batch, from, -1);
  if (typeof value !== "string") {
    const at = writeVarInt(batch, from, value.length);
    batch.set(value, at);
    return at + value.length;
  }
  const bytes = utf8Bytes(value);
  const at = writeVarInt(batch, from, bytes);
  if (bytes !== value.length) batch.write(value, at);
  else for (let i = 0; i < bytes; i++) batch[at + i] = value.charCodeAt(i);
  return at + bytes;
}

/** Zigzag: 0, −1, 1, −2 are 0, 1, 2, 3. */
function varIntBytes(value: number): number {
  let rest = (value << 1) ^ (value >> 31);
  let bytes = 1;
  while ((rest & ~0x7f) !== 0) {
    bytes++;
    rest >>>= 7;
  }
  return bytes;
}

function writeVarInt(batch: Buffer, from: number, value: number): number {
  let rest = (value << 1) ^ (value >> 31);
  let at = from;
  while ((rest & ~0x7f) !== 0) {
    batch[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  batch[at++] = rest;
  return at;
}

/** Compression, times of the log, transactions, control records, a time to delete: batches left to kafkajs. */
const ATTRIBUTES_UNUSUAL = 0x7f;

/**
 * The records of the batch that begins at `from`. Key and headers of a record are decoded when they are asked for: most
 * records need the one and not the other.
 *
 * @returns null when the batch is not of the plain kind, or not whole
 */
export function decodeRecordBatch(
  bytes: Buffer,
  from: number,
): { readonly records: FetchedRecord[]; readonly end: number } | null {
  const left = bytes.length - from;
  if (left < HEAD_BYTES || bytes[from + 16] !== MAGIC) return null;
  const end = from + 12 + bytes.readInt32BE(from + 8);
  if (end > bytes.length || (bytes[from + 22]! & ATTRIBUTES_UNUSUAL) !== 0) return null;
  const firstOffset = Number(bytes.readBigInt64BE(from));
  const firstTimestampMs = Number(bytes.readBigInt64BE(from + 27));
  const count = bytes.readInt32BE(from + 57);
  const reader = new Reader(bytes, from + HEAD_BYTES);
  const records: FetchedRecord[] = [];
  for (let i = 0; i < count; i++) {
    const bodyAt = reader.varInt();
    const next = reader.at + bodyAt;
    reader.at++; // attributes, unused
    const timestampMs = firstTimestampMs + reader.varLong();
    const offset = BigInt(firstOffset + reader.varInt());
    const keyBytes = reader.varInt();
    const keyAt = reader.at;
    if (keyBytes > 0) reader.at += keyBytes;
    const valueBytes = reader.varInt();
    const valueAt = reader.at;
    if (valueBytes > 0) reader.at += valueBytes;
    records.push(
      new FetchedRecord(
        bytes,
        offset,
        timestampMs,
        keyBytes < 0 ? -1 : keyAt,
        keyBytes,
        valueBytes < 0 ? null : bytes.subarray(valueAt, valueAt + valueBytes),
        reader.at,
      ),
    );
    reader.at = next;
  }
  return { records, end };
}

const NO_TRANSACTION = { producerId: "-1", inTransaction: false } as const;

/** A record as it lies in a fetched batch. */
export class FetchedRecord {
  readonly offset: bigint;
  /** ms since the epoch. */
  readonly timestamp: number;
  readonly value: Buffer | null;
  /** What kafkajs asks of a record before it hands it on. */
  readonly isControlRecord = false;
  readonly batchContext = NO_TRANSACTION;
  readonly #batch: Buffer;
  readonly #keyAt: number;
  readonly #keyBytes: number;
  readonly #headersAt: number;

  constructor(
    batch: Buffer,
    offset: bigint,
    timestampMs: number,
    keyAt: number,
    keyBytes: number,
    value: Buffer | null,
    headersAt: number,
  ) {
    this.#batch = batch;
    this.offset = offset;
    this.timestamp = timestampMs;
    this.#keyAt = keyAt;
    this.#keyBytes = keyBytes;
    this.value = value;
    this.#headersAt = headersAt;
  }

  keyText(): string | null {
    return this.#keyAt < 0 ? null : text(this.#batch, this.#keyAt, this.#keyBytes);
  }

  /** Of several headers of one name the first; a header without a value is left out. */
  headerTexts(): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {};
    const reader = new Reader(this.#batch, this.#headersAt);
    for (let left = reader.varInt(); left > 0; left--) {
      const nameBytes = reader.varInt();
      const name = text(this.#batch, reader.at, nameBytes);
      reader.at += nameBytes;
      const valueBytes = reader.varInt();
      if (valueBytes < 0) continue;
      if (!Object.hasOwn(headers, name)) headers[name] = text(this.#batch, reader.at, valueBytes);
      reader.at += valueBytes;
    }
    return headers;
  }
}

class Reader {
  at: number;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  varInt(): number {
    let byte = this.#bytes[this.at++]!;
    let value = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      byte = this.#bytes[this.at++]!;
      value |= (byte & 0x7f) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  /** Exact up to 2⁵³: differences of times. */
  varLong(): number {
    let byte = this.#bytes[this.at++]!;
    let value = byte & 0x7f;
    for (let factor = 0x80; byte > 0x7f; factor *= 0x80) {
      byte = this.#bytes[this.at++]!;
      value += (byte & 0x7f) * factor;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

const TEXT_CHARS_SHORT = 24;
const chars: number[] = [];

/** UTF-8. Short ASCII, which is nearly all, without a call of the runtime. */
function text(bytes: Buffer, from: number, length: number): string {
  if (length > TEXT_CHARS_SHORT) return bytes.toString("utf8", from, from + length);
  chars.length = length;
  for (let i = 0; i < length; i++) {
    const code = bytes[from + i]!;
    if (code > 0x7f) return bytes.toString("utf8", from, from + length);
    chars[i] = code;
  }
  return String.fromCharCode.apply(null, chars);
}
