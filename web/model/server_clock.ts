/**
 * The server's time on this page. A laptop whose clock is off by ten seconds would otherwise call everything delayed, or
 * nothing. HTTP's `Date` says whole seconds, so it only bounds the error: a page clock within the bounds is believed.
 */
export class ServerClock {
  readonly #pageMs: () => number;
  #offsetMs = 0;

  constructor(pageMs: () => number) {
    this.#pageMs = pageMs;
  }

  nowMs(): number {
    return this.#pageMs() + this.#offsetMs;
  }

  /** What an answer's `Date` said, and between which page times the server wrote it. */
  note(dateMs: number, sentAtMs: number, receivedAtMs: number): void {
    if (Number.isNaN(dateMs)) return;
    const least = dateMs - receivedAtMs;
    const most = dateMs + 1_000 - sentAtMs;
    this.#offsetMs = Math.min(Math.max(0, least), most);
  }
}
