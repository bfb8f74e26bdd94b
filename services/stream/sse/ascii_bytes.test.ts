import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { asciiBytes } from "./ascii_bytes.ts";

test("asciiBytes() gives an ASCII text's bytes, and takes anything else for our bug", () => {
  const text = 'event: ticker\ndata: {"price":1.5}\n\n'.repeat(1_000);
  expect(Buffer.from(asciiBytes(text)).toString("latin1")).toBe(text);
  expect(asciiBytes("")).toHaveLength(0);
  expect(() => asciiBytes('{"name":"비트코인"}')).toThrow("ASCII");
});
