import { type Fault, type FaultKind, momentKinds as moments } from "./fault.ts";

/** What a fault did beyond being on: told to whoever asked for it. */
export type Effect = Readonly<Record<string, string | number | boolean>>;

interface Hook {
  readonly start: (fault: Fault) => Effect | void;
  readonly end: () => void;
}

/** A fault that was switched on. */
export interface Happened {
  /** The machine's time, ms since the epoch. */
  readonly at_ms: number;
  readonly fault: Fault & Effect;
}

const happenedKept = 100;

/** The faults that are on. At most one of a kind: a newer one ends the older. */
export class Faults {
  readonly #on = new Map<FaultKind, { fault: Fault; untilMs: number; timer: Timer }>();
  readonly #hooks = new Map<FaultKind, Hook>();
  readonly #happened: Happened[] = [];
  readonly #nowMs: () => number;

  /** @param nowMs a clock that nobody sets */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** What begins and ends with a fault. Frame by frame faults need none: they are asked for by `get`. */
  hook(kind: FaultKind, start: Hook["start"], end: Hook["end"] = () => {}): void {
    this.#hooks.set(kind, { start, end });
  }

  /**
   * Switches it on.
   *
   * @throws RangeError where it cannot happen, saying why
   */
  set(fault: Fault): Fault & Effect {
    const { kind, for_ms } = fault;
    this.#end(kind);
    const hook = this.#hooks.get(kind);
    const moment = momentKinds.has(kind);
    const effect = for_ms > 0 || moment ? hook?.start(fault) ?? {} : {};
    if (for_ms > 0 && !moment) {
      const timer = setTimeout(() => this.#end(kind), for_ms);
      this.#on.set(kind, { fault, untilMs: this.#nowMs() + for_ms, timer });
    }
    const happened = { ...fault, ...effect };
    this.#happened.push({ at_ms: Date.now(), fault: happened });
    if (this.#happened.length > happenedKept) this.#happened.shift();
    return happened;
  }

  get(kind: FaultKind): Fault | undefined {
    const found = this.#on.get(kind);
    return found !== undefined && this.#nowMs() < found.untilMs ? found.fault : undefined;
  }

  list(): Fault[] {
    return [...this.#on.keys()].map((kind) => this.get(kind)).filter((f) => f !== undefined);
  }

  /** The newest that were switched on, oldest first. */
  happened(): readonly Happened[] {
    return this.#happened;
  }

  close(): void {
    for (const kind of [...this.#on.keys()]) this.#end(kind);
  }

  #end(kind: FaultKind): void {
    const found = this.#on.get(kind);
    if (found === undefined) return;
    clearTimeout(found.timer);
    this.#on.delete(kind);
    this.#hooks.get(kind)?.end();
  }
}

type Timer = ReturnType<typeof setTimeout>;

const momentKinds: ReadonlySet<FaultKind> = new Set(moments);
