import { type ReadonlySignal, signal } from "@preact/signals";
import type { LinkEvent } from "#core/event/link_event.ts";
import type { ExchangeKind } from "#core/exchange_kind.ts";
import { type Badge, badgeOf, type Provenance, provenanceOf } from "../model/badge.ts";

/** Gathers what is known of the data's age, and says it once a second. */
export class Freshness {
  readonly #badge = signal<Badge>({ state: "connecting" });
  readonly #provenance = signal<Provenance>(null);
  readonly #nowMs: () => number;
  #stream: "connecting" | "open" | "lost" = "connecting";
  #link: LinkEvent | null = null;
  #linkArrivedAtMs = 0;
  #seenUntilMs = 0;
  #catchingUp = false;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get badge(): ReadonlySignal<Badge> {
    return this.#badge;
  }

  get provenance(): ReadonlySignal<Provenance> {
    return this.#provenance;
  }

  get seenUntilMs(): number {
    return this.#seenUntilMs;
  }

  stream(state: "connecting" | "open" | "lost"): void {
    this.#stream = state;
    this.update();
  }

  exchange(kind: ExchangeKind): void {
    this.#provenance.value = provenanceOf(kind);
  }

  link(link: LinkEvent): void {
    this.#link = link;
    this.#linkArrivedAtMs = this.#nowMs();
    if (link.link === "up") this.seen(link.untilMs);
    this.update();
  }

  /** Something that the collector received then has arrived here. */
  seen(receivedAtMs: number): void {
    this.#seenUntilMs = Math.max(this.#seenUntilMs, receivedAtMs);
  }

  catchingUp(is: boolean): void {
    this.#catchingUp = is;
    this.update();
  }

  update(): void {
    const badge = badgeOf({
      stream: this.#stream,
      link: this.#link,
      linkArrivedAtMs: this.#linkArrivedAtMs,
      seenUntilMs: this.#seenUntilMs,
      catchingUp: this.#catchingUp,
      nowMs: this.#nowMs(),
    });
    if (JSON.stringify(badge) !== JSON.stringify(this.#badge.peek())) this.#badge.value = badge;
  }
}
