/** A map with a limit on the weight of what it keeps: what was asked for longest ago gives way, and is made again when asked. */
export class Limited<K, V> {
  readonly #kept = new Map<K, V>();
  readonly #weightMax: number;
  readonly #weightOf: (value: V) => number;
  #weight = 0;

  constructor(weightMax: number, weightOf: (value: V) => number) {
    this.#weightMax = weightMax;
    this.#weightOf = weightOf;
  }

  /** The kept value, or the one that `make` makes now. */
  get(key: K, make: () => V): V {
    let value = this.#kept.get(key);
    if (value !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, value);
      return value;
    }
    value = make();
    this.#kept.set(key, value);
    this.#weight += this.#weightOf(value);
    for (const [oldest, old] of this.#kept) {
      if (this.#weight <= this.#weightMax || oldest === key) break;
      this.#kept.delete(oldest);
      this.#weight -= this.#weightOf(old);
    }
    return value;
  }
}
