/**
 * CRC-32C of the bytes, eight at a step ("slicing by eight"), read as two words of the processor's own order. In one run on
 * Deno: a byte at a step 65 MB/s, eight bytes at a step from eight arrays 201 MB/s, from one array 426 MB/s, this 755 MB/s.
 */
export function crc32c(bytes: Uint8Array): number {
  const table = tables ??= makeTables();
  const { length, byteOffset } = bytes;
  let crc = -1;
  let at = 0;
  for (; ((byteOffset + at) & 3) !== 0 && at < length; at++) {
    crc = table[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  }
  if (LITTLE_ENDIAN) {
    const words = new Int32Array(bytes.buffer, byteOffset + at, (length - at) >>> 3 << 1);
    for (let i = 0; i < words.length; i += 2) {
      const low = crc ^ words[i]!;
      const high = words[i + 1]!;
      crc = table[1792 + (low & 255)]! ^ table[1536 + (low >>> 8 & 255)]! ^
        table[1280 + (low >>> 16 & 255)]! ^ table[1024 + (low >>> 24)]! ^
        table[768 + (high & 255)]! ^ table[512 + (high >>> 8 & 255)]! ^
        table[256 + (high >>> 16 & 255)]! ^ table[high >>> 24]!;
    }
    at += words.length * 4;
  }
  for (; at < length; at++) crc = table[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

/** The Castagnoli polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

let tables: Int32Array | undefined;

/** Eight tables of 256 in one array. */
function makeTables(): Int32Array {
  const made = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    made[byte] = crc;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256]!;
    made[at] = (before >>> 8) ^ made[before & 255]!;
  }
  return made;
}
