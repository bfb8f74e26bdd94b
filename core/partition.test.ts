import fc from "fast-check";
import { expect, test } from "vitest";
import type { Market } from "./market.ts";
import { murmur2, partitionOf } from "./partition.ts";
import { PARTITIONS } from "./topics.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** From Kafka's own UtilsTest.testMurmur2. */
test.each([
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
])("murmur2(%s) is what Kafka's Java client computes", (text, hash) => {
  expect(murmur2(bytes(text))).toBe(hash);
});

/** The same hash in 64-bit integers, so that no 32-bit subtlety is shared. */
function murmur2Big(data: Uint8Array): number {
  const mask = 0xffffffffn;
  const m = 0x5bd1e995n;
  let h = (0x9747b28cn ^ BigInt(data.length)) & mask;
  const whole = data.length - data.length % 4;
  for (let at = 0; at < whole; at += 4) {
    let k = 0n;
    for (let byte = 0; byte < 4; byte++) k |= BigInt(data[at + byte]!) << BigInt(8 * byte);
    k = (k * m) & mask;
    k ^= k >> 24n;
    k = (k * m) & mask;
    h = ((h * m) & mask) ^ k;
  }
  for (let byte = data.length % 4 - 1; byte >= 0; byte--) {
    h ^= BigInt(data[whole + byte]!) << BigInt(8 * byte);
  }
  if (data.length % 4 > 0) h = (h * m) & mask;
  h ^= h >> 13n;
  h = (h * m) & mask;
  h ^= h >> 15n;
  return Number(BigInt.asIntN(32, h));
}

test("murmur2() equals its definition on any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (data) => {
    expect(murmur2(data)).toBe(murmur2Big(data));
  }));
});

test("partitionOf() spreads markets over all partitions and stays in range", () => {
  const hit = new Set<number>();
  for (let coin = 0; coin < 289; coin++) {
    const partition = partitionOf(`KRW-C${coin}` as Market);
    expect(partition).toBeGreaterThanOrEqual(0);
    expect(partition).toBeLessThan(PARTITIONS);
    hit.add(partition);
  }
  expect(hit.size).toBe(PARTITIONS);
});
