import { unit } from "./random.ts";

const hourMs = 3_600_000;
/** Each layer bends the price over one period; a longer one bends it further, as the root of time: together they look like a walk. */
const periodHours: readonly number[] = [
  8760,
  2920,
  1080,
  384,
  144,
  48,
  18,
  7,
  3,
  1,
  1 / 3,
  1 / 9,
  1 / 27,
]; // deno-fmt-ignore

/**
 * A price that anyone can ask for at any moment, in any order: the sum of layers of value noise. A walk would need every step
 * from its beginning; this needs ten or so interpolations.
 */
export class PricePath {
  readonly #seed: number;
  readonly #middle: number;
  readonly #layers: readonly Layer[];
  /** One span's end is the next one's start. */
  #lastMs = Number.NaN;
  #last = 0;

  /**
   * @param middle the price around which it wanders, quote currency
   * @param dayVolatility typical size of a day's move, a ratio
   * @param stepMs how close the moments lie that will be asked for: what is finer bends nothing
   */
  constructor(seed: number, middle: number, dayVolatility: number, stepMs: number) {
    this.#seed = seed;
    this.#middle = middle;
    const periods = periodHours.filter((hours) => hours * hourMs * 1.8 >= stepMs);
    this.#layers = periods.map((hours) => ({
      periodMs: hours * hourMs,
      amplitude: dayVolatility * Math.sqrt(hours / 24) * 0.8,
      cell: Number.NaN,
      from: 0,
      to: 0,
    }));
  }

  /** The price at the moment, a float: not yet on the grid of ticks. */
  at(ms: number): number {
    if (ms === this.#lastMs) return this.#last;
    let sum = 0;
    for (let i = 0; i < this.#layers.length; i++) sum += this.#layer(this.#layers[i]!, i, ms);
    this.#lastMs = ms;
    this.#last = this.#middle * Math.exp(sum);
    return this.#last;
  }

  /** Prices it does not leave in [sinceMs, untilMs]. */
  bounds(sinceMs: number, untilMs: number): { low: number; high: number } {
    let [low, high] = [0, 0];
    this.#layers.forEach((layer, index) => {
      if (layer.periodMs < untilMs - sinceMs) {
        low -= layer.amplitude;
        high += layer.amplitude;
        return;
      }
      // Between two lattice points it runs one way: ends and the lattice points between are the extremes.
      const ends = [this.#layer(layer, index, sinceMs), this.#layer(layer, index, untilMs)];
      const shift = index * 0.37;
      const lattice = Math.floor(untilMs / layer.periodMs + shift);
      if (lattice > sinceMs / layer.periodMs + shift) {
        ends.push((unit(this.#seed, index, lattice) * 2 - 1) * layer.amplitude);
      }
      low += Math.min(...ends);
      high += Math.max(...ends);
    });
    return { low: this.#middle * Math.exp(low), high: this.#middle * Math.exp(high) };
  }

  #layer(layer: Layer, index: number, ms: number): number {
    // Each layer is shifted, or all would bend at once whenever a year's, a month's and a day's cells meet.
    const time = ms / layer.periodMs + index * 0.37;
    const cell = Math.floor(time);
    if (cell !== layer.cell) {
      layer.cell = cell;
      layer.from = unit(this.#seed, index, cell) * 2 - 1;
      layer.to = unit(this.#seed, index, cell + 1) * 2 - 1;
    }
    const part = time - cell;
    const smooth = part * part * (3 - 2 * part);
    return (layer.from + (layer.to - layer.from) * smooth) * layer.amplitude;
  }
}

/** The last cell is kept: neighbouring moments share it, and hashing is what costs. */
interface Layer {
  readonly periodMs: number;
  readonly amplitude: number;
  cell: number;
  from: number;
  to: number;
}
