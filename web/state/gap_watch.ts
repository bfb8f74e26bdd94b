import { type ReadonlySignal, signal } from "@preact/signals";
import type { LinkEvent } from "#core/event/link_event.ts";
import { Failure } from "#core/failure.ts";
import type { Gap, GapPage } from "#core/gap.ts";
import { isOutside, type Stretch, stretchAround } from "../model/gap_view.ts";

export interface GapWatchPorts {
  /** @throws Failure, or the signal's reason */
  readonly fetchGaps: (stretch: Stretch, signal: AbortSignal) => Promise<GapPage>;
  readonly nowMs: () => number;
  /** In [0, 1). */
  readonly chance: () => number;
}

/** While there are gaps they may be repaired at any time; otherwise new ones are told of by the link. */
const EVERY_MS = { withGaps: 10_000, without: 60_000 } as const;
/** A view that is being dragged is asked for once it rests. */
const REST_MS = 250;
/** After a break or its end: the marks that tell of it are on their way to the database. */
const AFTER_LINK_MS = 2_500;

/**
 * The gaps of what a chart shows, kept up to date: a repaired gap disappears without a reload. Asked, not pushed: a gap has no
 * event of its own, since it is what no event told of.
 */
export class GapWatch {
  readonly #ports: GapWatchPorts;
  readonly #gaps = signal<readonly Gap[]>([]);
  readonly #stop: AbortSignal;
  #view: { readonly fromMs: number; readonly toMs: number } | null = null;
  #held: Stretch | null = null;
  #link = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueAtMs = Infinity;
  #asking = false;

  /** Asks until the signal aborts. */
  constructor(ports: GapWatchPorts, signal: AbortSignal) {
    this.#ports = ports;
    this.#stop = signal;
    signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }

  /** Newest first. */
  get gaps(): ReadonlySignal<readonly Gap[]> {
    return this.#gaps;
  }

  /** What the chart shows now. */
  look(fromMs: number, toMs: number): void {
    this.#view = { fromMs, toMs };
    if (isOutside(this.#held, fromMs, toMs)) this.#due(REST_MS);
  }

  link({ link, cause }: LinkEvent): void {
    const said = `${link} ${cause}`;
    if (this.#link === said) return;
    const first = this.#link === "";
    this.#link = said;
    if (!first) this.#due(AFTER_LINK_MS);
  }

  #due(inMs: number): void {
    const atMs = this.#ports.nowMs() + inMs;
    if (this.#stop.aborted || this.#asking || atMs >= this.#dueAtMs) return;
    clearTimeout(this.#timer);
    this.#dueAtMs = atMs;
    this.#timer = setTimeout(() => void this.#ask(), inMs);
  }

  async #ask(): Promise<void> {
    const stretch = this.#view === null
      ? null
      : stretchAround(this.#view.fromMs, this.#view.toMs, this.#ports.nowMs());
    this.#asking = true;
    try {
      if (stretch !== null) {
        const { gaps } = await this.#ports.fetchGaps(stretch, this.#stop);
        if (this.#stop.aborted) return;
        this.#held = stretch;
        if (JSON.stringify(gaps) !== JSON.stringify(this.#gaps.peek())) this.#gaps.value = gaps;
      }
    } catch (error) {
      if (this.#stop.aborted) return;
      // what was known stands, and the next turn asks again; that the server is away is said by the badge
      if (!(error instanceof Failure)) throw error;
    } finally {
      this.#asking = false;
      this.#dueAtMs = Infinity;
    }
    const everyMs = this.#gaps.peek().length > 0 ? EVERY_MS.withGaps : EVERY_MS.without;
    this.#due(everyMs * (0.9 + 0.2 * this.#ports.chance()));
    if (this.#held !== null && this.#view !== null) {
      if (isOutside(this.#held, this.#view.fromMs, this.#view.toMs)) this.#due(1_000);
    }
  }
}
