/** Long work gives the loop a turn after so long, ms: sockets are read, and what is due goes out. */
const workMsMax = 15;

/** For work in many small steps: asked after each, it waits for a turn of the loop where the work has gone on for long. */
export class Turns {
  #begunMs = performance.now();

  async next(): Promise<void> {
    if (performance.now() - this.#begunMs < workMsMax) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#begunMs = performance.now();
  }
}
