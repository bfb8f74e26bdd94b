/** A fault of the link, switched on by the control port or the schedule. Times are real ms: it is the link that fails. */
export interface Fault {
  readonly kind: FaultKind;
  /** How long it lasts. */
  readonly for_ms: number;
  /** Share of frames that it hits, 0 … 1. Default 1. */
  readonly share: number;
  /** `delay`: how long a frame is held back. `duplicate`: how long after the frame its copy comes. */
  readonly by_ms: number;
}

export const faultKinds = ["drop", "silence", "duplicate", "delay"] as const;
export type FaultKind = (typeof faultKinds)[number];

/** The faults that are on. At most one of a kind: a newer one replaces an older. */
export class Faults {
  readonly #on = new Map<FaultKind, { fault: Fault; untilMs: number }>();
  readonly #nowMs: () => number;

  /** @param nowMs the machine's time */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  set(fault: Fault): void {
    this.#on.set(fault.kind, { fault, untilMs: this.#nowMs() + fault.for_ms });
  }

  get(kind: FaultKind): Fault | undefined {
    const found = this.#on.get(kind);
    if (found === undefined) return undefined;
    if (this.#nowMs() < found.untilMs) return found.fault;
    this.#on.delete(kind);
    return undefined;
  }

  list(): Fault[] {
    return faultKinds.map((kind) => this.get(kind)).filter((fault) => fault !== undefined);
  }
}

/**
 * Reads the body of `POST /fault`.
 *
 * @throws RangeError that says what is wrong with which value
 */
export function readFault(body: unknown): Fault {
  if (typeof body !== "object" || body === null) throw new RangeError("body must be an object");
  const { kind, for_ms, share = 1, by_ms = 0, ...rest } = body as Record<string, unknown>;
  if (!faultKinds.includes(kind as FaultKind)) {
    throw new RangeError(`kind ${JSON.stringify(kind)} must be one of ${faultKinds.join(", ")}`);
  }
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new RangeError(`${unknown} is no parameter of a fault`);
  return {
    kind: kind as FaultKind,
    for_ms: number("for_ms", for_ms, 0, 86_400_000),
    share: number("share", share, 0, 1),
    by_ms: number("by_ms", by_ms, 0, 600_000),
  };
}

function number(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new RangeError(`${name} ${JSON.stringify(value)} must be a number ${min} … ${max}`);
}
