import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { inOnePiece } from "./one_piece.ts";

const TEXTS = 20_000;

/** Bytes of heap for each text held. */
function bytesHeld(make: (text: string) => string): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const held = Array.from({ length: TEXTS }, (_, index) => {
    let text = `"starts_at_ms":${index}`;
    for (const name of ["open", "high", "low", "close", "volume", "turnover", "last_tick_at_ms"]) {
      text += `,"${name}":${142_009_000 + index}`;
    }
    return make(`{${text},"closed":${index % 2 === 0}}`);
  });
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / TEXTS;
  expect(held[7]).toContain('"open":142009007');
  return bytes;
}

test("inOnePiece() keeps what is held within twice its characters, whatever it was spelled of", () => {
  const pieces = bytesHeld((text) => text);
  const one = bytesHeld(inOnePiece);
  expect(one).toBeLessThan(2 * 200);
  expect(one).toBeLessThan(pieces / 2);
  expect(inOnePiece('{"name":"비트코인 \\"\\n"}')).toBe('{"name":"비트코인 \\"\\n"}');
});
