import type { Market } from "#core/market.ts";
import type { Frame } from "#core/upbit/frame.ts";
import { acceptedMarkets } from "./subscription.ts";

/** A subscribe frame that was sent, and what we know of its fate. */
export interface Asked {
  readonly ticket: string;
  readonly markets: readonly Market[];
  readonly atSteadyMs: number;
  /** Markets that sent something since. */
  readonly seen: ReadonlySet<Market>;
  /** What the exchange accepted; null while that is not known. */
  readonly accepted: readonly Market[] | null;
}

/** A first snapshot shows that the subscription took effect (after 172–354 ms); without one it is asked about after this. */
const LIST_MS = 1_000;

/** How long the exchange may take to say what it accepted, before what arrived decides. */
export const ANSWER_MS_MAX = 3_000;

/** The exchange takes 5 messages a second and 100 a minute of a connection; a subscription is two. */
const ASK_EVERY_MS_MIN = 5_000;

/** The one subscription in force on the connection: a second subscribe frame replaces the first. */
export class Asking {
  #asked: { -readonly [Key in keyof Asked]: Asked[Key] } & { listed: boolean } | null = null;
  #seen = new Set<Market>();
  #atSteadyMs = -Infinity;

  get current(): Asked | null {
    return this.#asked;
  }

  /** On a new connection nothing was asked, and nothing counts against its limits. */
  connected(): void {
    this.#asked = null;
    this.#atSteadyMs = -Infinity;
  }

  /** What was asked is no longer in force, or no longer worth anything. */
  forget(): void {
    this.#asked = null;
  }

  /** Whether the markets are not asked for yet, and the exchange takes another question. */
  due(markets: readonly Market[], steadyMs: number): boolean {
    return markets.length > 0 && this.#asked?.markets !== markets &&
      steadyMs - this.#atSteadyMs >= ASK_EVERY_MS_MIN;
  }

  begin(ticket: string, markets: readonly Market[], steadyMs: number): void {
    this.#atSteadyMs = steadyMs;
    this.#seen = new Set();
    const seen = this.#seen;
    this.#asked = { ticket, markets, atSteadyMs: steadyMs, seen, accepted: null, listed: false };
  }

  heard(market: Market): void {
    this.#seen.add(market);
  }

  /** Whether the exchange is to be asked what it accepted: true once, after the first snapshot or {@link LIST_MS}. */
  list(snapshot: boolean, steadyMs: number): boolean {
    const asked = this.#asked;
    if (asked === null || asked.listed) return false;
    return asked.listed = snapshot || steadyMs - asked.atSteadyMs >= LIST_MS;
  }

  /** @returns what was accepted, the first time it is known */
  answered(
    { ticket, result }: Extract<Frame, { kind: "subscriptions" }>,
  ): readonly Market[] | null {
    const asked = this.#asked;
    if (asked === null || asked.accepted !== null) return null;
    if (ticket !== null && ticket !== asked.ticket) return null;
    return asked.accepted = acceptedMarkets(asked.markets, result);
  }

  /**
   * Without an answer, a market's snapshot is the evidence that its code was accepted.
   *
   * @returns the markets that sent something, once, when the answer is overdue
   */
  unanswered(steadyMs: number): readonly Market[] | null {
    const asked = this.#asked;
    if (asked === null || asked.accepted !== null) return null;
    if (steadyMs - asked.atSteadyMs < ANSWER_MS_MAX || asked.seen.size === 0) return null;
    return asked.accepted = asked.markets.filter((market) => asked.seen.has(market));
  }
}
