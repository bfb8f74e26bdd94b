/**
 * Chance as a function: the same numbers in give the same number out, on every machine. Only integer operations, `exp`, `log`
 * and `sqrt` are used (V8 computes those in software), so that Node and Deno tell the same history.
 */

/** Mixes up to four whole numbers into 32 bits (MurmurHash3's rounds and finaliser). */
export function mix(a: number, b = 0, c = 0, d = 0): number {
  let h = round(round(round(round(0x9747b28c, a), b), c), d);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function round(h: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  h ^= k;
  h = (h << 13) | (h >>> 19);
  return (Math.imul(h, 5) + 0xe6546b64) | 0;
}

/** A text as 32 bits (FNV-1a). */
export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** Uniform in [0, 1). */
export function unit(a: number, b = 0, c = 0): number {
  return mix(a, b, c) / 0x100000000;
}

/** A nearly normal number (mean 0, deviation 1, within ±3.47): four uniforms, no trigonometry. */
export function normal(a: number, b = 0, c = 0): number {
  const h = mix(a, b, c);
  const g = mix(h, 0x51ed270b);
  return ((h & 0xffff) + (h >>> 16) + (g & 0xffff) + (g >>> 16) - 131070) / 37837;
}

/** A stream of chance for work that goes in order (mulberry32). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000;
  }

  normal(): number {
    return (this.next() + this.next() + this.next() + this.next() - 2) * 1.7320508;
  }

  /** Exponentially distributed with the mean. */
  wait(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }
}
