/** A fault, switched on by the control port or the schedule. Times are real ms: it is the link that fails. */
export interface Fault {
  readonly kind: FaultKind;
  /** How long it lasts; of no meaning for what happens in a moment. */
  readonly for_ms: number;
  /** Share of frames that it hits, 0 … 1. Default 1. */
  readonly share: number;
  /** `delay`, `reorder`, `duplicate`, `idle_close`: for or after how long; `clock_step`: how far. */
  readonly by_ms: number;
  /** `garble`: how a frame is spoilt; one of them by chance where it is not said. */
  readonly form?: GarbleForm;
  /** `correction`, `listed`, `delisted`: which market; one by chance where it is not said. */
  readonly market?: string;
  /** `correction`: what gets lower. */
  readonly lower?: "volume" | "high";
  /** `correction`: whether what it changed is sent again, as the exchange does. Default true. */
  readonly told?: boolean;
  /** `error_frame`: the error's name. */
  readonly name?: string;
}

/** Faults that last. */
export const lastingKinds = [
  "drop",
  "silence",
  "duplicate",
  "delay",
  "reorder",
  "garble",
  "refuse",
  "half_open",
  "idle_close",
  "maintenance",
  "clock_step",
] as const;
/** Faults of a moment. */
export const momentKinds = ["correction", "listed", "delisted", "error_frame"] as const;
export const faultKinds = [...lastingKinds, ...momentKinds] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Forms of which one comes by chance where none is named. */
export const chanceGarbleForms = ["truncated", "wrong_type", "absurd", "future", "nan"] as const;
/** Those, and forms of which each number could be true. */
export const garbleForms = [
  ...chanceGarbleForms,
  "crossed",
  "outside",
  "thousandfold",
  "turnover",
  "stranger",
] as const;
export type GarbleForm = (typeof garbleForms)[number];

/** Parameters that only some kinds have. */
const extras: Readonly<Partial<Record<FaultKind, readonly string[]>>> = {
  garble: ["form"],
  correction: ["market", "lower", "told"],
  listed: ["market"],
  delisted: ["market"],
  error_frame: ["name"],
};

/**
 * Reads the body of `POST /fault`, or a schedule's entry without its times.
 *
 * @throws RangeError that says what is wrong with which value
 */
export function readFault(body: unknown): Fault {
  if (typeof body !== "object" || body === null) throw new RangeError("body must be an object");
  const { kind: named, for_ms, share = 1, by_ms, ...rest } = body as Record<string, unknown>;
  const kind = oneOf("kind", named, faultKinds);
  const unknown = Object.keys(rest).find((name) => !extras[kind]?.includes(name));
  if (unknown !== undefined) throw new RangeError(`${unknown} is no parameter of ${kind}`);
  const moment = (momentKinds as readonly string[]).includes(kind);
  const { form, market, lower, told, name } = rest;
  const byMsMin = kind === "clock_step" ? -3_600_000 : 0;
  return {
    kind,
    for_ms: number("for_ms", for_ms ?? (moment ? 0 : undefined), 0, 86_400_000),
    share: number("share", share, 0, 1),
    by_ms: number("by_ms", by_ms ?? (kind === "reorder" ? 1000 : 0), byMsMin, 3_600_000),
    ...(form !== undefined && { form: oneOf("form", form, garbleForms) }),
    ...(market !== undefined && { market: matching("market", market, /^[A-Z]+-[A-Z0-9]+$/) }),
    ...(lower !== undefined && { lower: oneOf("lower", lower, ["volume", "high"] as const) }),
    ...(told !== undefined && { told: boolean("told", told) }),
    ...(name !== undefined && { name: matching("name", name, /^[A-Z_]+$/) }),
  };
}

/** @throws RangeError */
export function number(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new RangeError(`${name} ${JSON.stringify(value)} must be a number ${min} … ${max}`);
}

function boolean(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new RangeError(`${name} ${JSON.stringify(value)} must be true or false`);
}

function oneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw new RangeError(`${name} ${JSON.stringify(value)} must be one of ${allowed.join(", ")}`);
}

function matching(name: string, value: unknown, form: RegExp): string {
  if (typeof value === "string" && form.test(value)) return value;
  throw new RangeError(`${name} ${JSON.stringify(value)} must match ${form.source}`);
}
