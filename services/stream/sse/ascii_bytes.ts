import { assert } from "#core/assert.ts";

const encoder = new TextEncoder();

/**
 * The bytes of an ASCII text, which all of the stream's text is. On Deno 0.3 µs for 1,000 characters; `Buffer.from(text,
 * "latin1")` takes 27 there, and did a sixth of all work of a stream.
 */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  const { read } = encoder.encodeInto(text, bytes);
  assert(read === text.length, "stream text is ASCII", text.slice(0, 80));
  return bytes;
}
