/** Joins callers that ask for the same thing while it is under way: one does the work, all get its result or failure. */
export class SingleFlight<Value> {
  readonly #underway = new Map<string, Promise<Value>>();

  get size(): number {
    return this.#underway.size;
  }

  has(key: string): boolean {
    return this.#underway.has(key);
  }

  run(key: string, work: () => Promise<Value>): Promise<Value> {
    const running = this.#underway.get(key);
    if (running !== undefined) return running;
    const started = work().finally(() => this.#underway.delete(key));
    this.#underway.set(key, started);
    return started;
  }
}
