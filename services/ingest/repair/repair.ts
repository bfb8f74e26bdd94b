import type { Log } from "#adapters/log.ts";
import { backoffMs } from "#core/backoff.ts";
import type { RawAnswer } from "#core/exchange_answer.ts";
import { type Failure, reason } from "#core/failure.ts";
import { sleep } from "#core/lifecycle.ts";
import type { Market } from "#core/market.ts";
import type { Clock } from "../clock.ts";
import { AskedLately } from "./asked_lately.ts";
import type { Budget } from "./budget.ts";
import type { RepairMetrics } from "./metrics.ts";
import type { Page } from "./page.ts";
import { resultOf } from "./rest.ts";
import { before, type Want } from "./want.ts";

export interface RepairPorts {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly chance: () => number;
  /** The markets we collect, most traded first; none while they are not known. */
  readonly markets: () => readonly Market[];
  /**
   * Since when our own running session sees everything of the market, ms; null when it does not. What is later is on its
   * way, however far behind persist may be.
   */
  readonly seenSinceMs: (market: Market) => number | null;
  /** What is missing, most urgent first; null while another process asks. @throws what PostgreSQL or the way to it says */
  readonly missing: (
    atMs: number,
    markets: readonly Market[],
    rowsMax: number,
  ) => Promise<readonly Want[] | null>;
  /** What is to be compared, most urgent first. @throws as {@link missing} */
  readonly uncompared: (
    atMs: number,
    markets: readonly Market[],
    rowsMax: number,
  ) => Promise<readonly Want[]>;
  /** Whether waiting may help against an error of {@link missing}. */
  readonly isAway: (error: unknown) => boolean;
  readonly budget: Pick<Budget, "take">;
  /** Asks for the want's newest candles. @throws Failure */
  readonly ask: (want: Want, signal: AbortSignal) => Promise<Page>;
  /** Resolves when Kafka has it. One call at a time. */
  readonly publish: (answer: RawAnswer, signal: AbortSignal) => Promise<void>;
  readonly metrics: RepairMetrics;
  readonly log: Log;
}

export interface RepairLimits {
  /** Stretches that are asked of PostgreSQL at a time. */
  readonly wantsMax: number;
  /** Requests on their way at a time: where the exchange is far, one alone could not use the budget. */
  readonly requestsMax: number;
  /** How long a list is worked on before it is asked for anew: what broke meanwhile may be more urgent. */
  readonly roundMs: number;
  /** So often at least something is compared, however much is lost. */
  readonly parityMs: number;
  /** How long a list of what is to be compared is worked on. */
  readonly parityRoundMs: number;
  /** The pause when nothing is missing, or another process asks. */
  readonly idleMs: number;
}

export const REPAIR_LIMITS: RepairLimits = {
  wantsMax: 1_000,
  requestsMax: 4,
  roundMs: 5_000,
  parityMs: 2_000,
  parityRoundMs: 15_000,
  idleMs: 5_000,
};

const AWAY = { firstMs: 500, maxMs: 15_000 };
/** A session counts from so long after its begin: what was on its way at the subscription may have been missed. */
const SESSION_BEGIN_MS = 5_000;
/** What is younger is not listed as missing, since it may still be on its way to us (repair_missing()); and a second to spare. */
const UNLISTED_MS = 16_000;
/** A stretch that is certainly of one answer, were it as much longer as waiting makes it. */
const WAITS_MS_MAX = 120_000;

/**
 * Asks what is missing, asks the exchange, publishes the answer, again and again. It keeps nothing but what it asked lately:
 * after a crash, and for another process, the query lists what is missing.
 */
export class Repair {
  readonly name = "repair";
  readonly #ports: RepairPorts;
  readonly #limits: RepairLimits;
  readonly #asked = new AskedLately();
  #publishing: Promise<void> = Promise.resolve();
  #asker = false;
  #wanted = 0;
  #toCompare: Want[] = [];
  #comparedAtMs = -Infinity;
  /** Whether the newest request was to compare something. */
  #comparedLast = false;
  #toCompareUntilMs = -Infinity;
  #awayAttempts = 0;

  constructor(ports: RepairPorts, limits: RepairLimits = REPAIR_LIMITS) {
    this.#ports = ports;
    this.#limits = limits;
  }

  /** Whether this process is the one that asks. */
  get asker(): boolean {
    return this.#asker;
  }

  /** Stretches in the newest list. */
  get wanted(): number {
    return this.#wanted;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const requests = await this.#round(signal);
      if (requests === 0) await sleep(this.#limits.idleMs, signal);
    }
  }

  /** @returns how many requests were made */
  async #round(signal: AbortSignal): Promise<number> {
    const queue = await this.#missing(signal);
    const { clock, budget } = this.#ports;
    const untilMs = clock.steadyMs() + this.#limits.roundMs;
    const underWay = new Map<string, Promise<void>>();
    let requests = 0;
    while (!signal.aborted && clock.steadyMs() < untilMs) {
      const want = this.#choose(queue, underWay);
      if (want === null) {
        if (underWay.size === 0) break;
        await Promise.race(underWay.values());
        continue;
      }
      await budget.take(signal);
      if (signal.aborted) break;
      requests++;
      const key = keyOf(want);
      underWay.set(
        key,
        this.#request(want, signal).then((rest) => {
          underWay.delete(key);
          if (rest !== null) (rest.kind === "parity" ? this.#toCompare : queue).unshift(rest);
        }),
      );
      if (underWay.size >= this.#limits.requestsMax) await Promise.race(underWay.values());
    }
    await Promise.all(underWay.values());
    return requests;
  }

  /** What is missing and not on its way to us already, most urgent first; nothing while we may not ask. */
  async #missing(signal: AbortSignal): Promise<Want[]> {
    const { clock, markets, missing, isAway, metrics, log, chance } = this.#ports;
    const chosen = markets();
    if (chosen.length === 0) return [];
    const startedMs = clock.steadyMs();
    try {
      const wants = await missing(clock.nowMs(), chosen, this.#limits.wantsMax);
      this.#awayAttempts = 0;
      metrics.querySeconds.observe((clock.steadyMs() - startedMs) / 1_000);
      this.#setAsker(wants !== null);
      this.#wanted = wants?.length ?? 0;
      if (wants === null) this.#toCompare = [];
      else await this.#look(chosen);
      return (wants ?? []).map((want) => this.#unseen(want)).filter((want) => want !== null);
    } catch (error) {
      if (!isAway(error)) throw error;
      // whether the lock is still ours is not known: nothing is asked before it is
      this.#setAsker(false);
      metrics.away.inc();
      if (signal.aborted) return [];
      log.warn({ event: "repair_away", reason: reason(error) }, "PostgreSQL away, repair waits");
      await sleep(backoffMs(AWAY, ++this.#awayAttempts, chance()), signal);
      return [];
    }
  }

  /** Asks anew what is to be compared, where the list is done or old. */
  async #look(markets: readonly Market[]): Promise<void> {
    const { clock, uncompared } = this.#ports;
    if (clock.steadyMs() < this.#toCompareUntilMs) return;
    this.#toCompare = [...await uncompared(clock.nowMs(), markets, this.#limits.wantsMax)];
    this.#toCompareUntilMs = clock.steadyMs() + this.#limits.parityRoundMs;
  }

  /**
   * What is missing first, but something to compare every now and then. History that is filled for the first time or wished
   * for takes turns with it: that takes hours, and for as long a wrong second would stay unnoticed four times as long.
   */
  #choose(queue: Want[], underWay: ReadonlyMap<string, unknown>): Want | null {
    const nowMs = this.#ports.clock.steadyMs();
    const due = nowMs >= this.#comparedAtMs + this.#limits.parityMs ||
      !this.#comparedLast && queue.every(({ kind }) => kind === "fill" || kind === "wish");
    const want = (due ? this.#next(this.#toCompare, underWay) : null) ??
      this.#next(queue, underWay) ?? this.#next(this.#toCompare, underWay);
    if (want === null) return null;
    this.#comparedLast = want.kind === "parity";
    if (this.#comparedLast) this.#comparedAtMs = nowMs;
    return want;
  }

  /** What of the want our own session has not seen. */
  #unseen(want: Want): Want | null {
    const sinceMs = this.#ports.seenSinceMs(want.market);
    // a wish is for the exchange's own words
    if (sinceMs === null || want.kind === "wish") return want;
    if (want.interval === "1s") {
      // the second in which it begins to count is not seen whole
      const endMs = Math.ceil((sinceMs + SESSION_BEGIN_MS) / 1_000) * 1_000;
      return this.#grows(want, endMs) ? null : before(want, endMs);
    }
    return want.sinceMs >= sinceMs + SESSION_BEGIN_MS ? null : want;
  }

  /**
   * Whether a gap still reaches into what is too young to be listed, and ends within it: asked for now, each market would be
   * asked for twice, and a gap of all markets would take twice as long.
   */
  #grows({ sinceMs, untilMs }: Want, endMs: number): boolean {
    return untilMs < endMs && untilMs >= endMs - UNLISTED_MS - SESSION_BEGIN_MS &&
      untilMs >= this.#ports.clock.nowMs() - UNLISTED_MS && untilMs - sinceMs <= WAITS_MS_MAX;
  }

  /** Takes the first that may be asked; of a market and interval only one request is on its way at a time. */
  #next(queue: Want[], underWay: ReadonlyMap<string, unknown>): Want | null {
    const nowMs = this.#ports.clock.steadyMs();
    for (let at = 0; at < queue.length;) {
      const want = queue[at]!;
      if (underWay.has(keyOf(want))) {
        at++;
        continue;
      }
      queue.splice(at, 1);
      const left = this.#asked.left(want, nowMs);
      if (left !== null) return left;
    }
    return null;
  }

  /** @returns what of the want is still to be asked for */
  async #request(want: Want, signal: AbortSignal): Promise<Want | null> {
    const { ask, clock, metrics } = this.#ports;
    const startedMs = clock.steadyMs();
    let page: Page;
    try {
      page = await ask(want, signal);
    } catch (error) {
      if (signal.aborted) return null;
      this.#failed(want, error);
      return null;
    } finally {
      metrics.requestSeconds.observe((clock.steadyMs() - startedMs) / 1_000);
    }
    const { answer, rest } = page;
    metrics.requests.inc({ result: answer.rows.length === 0 ? "empty" : "ok" });
    if (!await this.#publish(answer, signal)) return null;
    this.#asked.note(want, answer.sinceMs, clock.steadyMs());
    metrics.wants.inc({ kind: want.kind });
    metrics.rows.inc(answer.rows.length);
    return rest;
  }

  #failed(want: Want, error: unknown): void {
    const { clock, metrics, log } = this.#ports;
    const result = resultOf(error);
    metrics.requests.inc({ result });
    const { code } = error as Failure;
    const { market, interval } = want;
    log.warn({ event: "repair_request_failed", code, market, interval }, reason(error));
    switch (result) {
      case "gone":
        return this.#asked.noteGone(market, clock.steadyMs());
      case "refused":
      case "unreadable":
        // as if answered: it is asked for again, ever more seldom
        return this.#asked.note(want, want.sinceMs, clock.steadyMs());
    }
  }

  /** One send at a time. @returns false when stopped before Kafka had it */
  async #publish(answer: RawAnswer, signal: AbortSignal): Promise<boolean> {
    const turn = this.#publishing.then(() => this.#ports.publish(answer, signal));
    this.#publishing = turn.catch(() => {});
    try {
      await turn;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  #setAsker(asker: boolean): void {
    if (asker === this.#asker) return;
    this.#asker = asker;
    const { log } = this.#ports;
    log.info(
      { event: "repair_asker", asker },
      asker ? "this process asks for what is missing" : "another may ask for what is missing",
    );
  }
}

function keyOf({ market, interval }: Want): string {
  return `${market} ${interval}`;
}
