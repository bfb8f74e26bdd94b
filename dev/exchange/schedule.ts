import { type Fault, number, readFault } from "./fault.ts";
import type { Faults } from "./faults.ts";
import { unit } from "./random.ts";

/** Faults to come. The same schedule gives the same times. */
export interface Schedule {
  readonly seed: number;
  readonly entries: readonly Entry[];
}

/** A fault at one time, or again and again. Real seconds after the start. */
export interface Entry {
  readonly fault: Fault;
  readonly when:
    | { readonly atMs: number }
    /** The nth comes n × everyMs later by up to jitterMs, drawn anew each time. */
    | { readonly everyMs: number; readonly jitterMs: number };
}

export interface Planned {
  readonly atMs: number;
  readonly fault: Fault;
}

const daySeconds = 86_400;

/**
 * Reads `{"seed": 7, "faults": [{"at_s": 10, "kind": "silence", "for_ms": 5000}, {"every_s": 60, "jitter_s": 20, …}]}`.
 *
 * @throws RangeError, SyntaxError that name what is wrong, and in which entry
 */
export function readSchedule(text: string): Schedule {
  const body: unknown = JSON.parse(text);
  if (typeof body !== "object" || body === null) throw new RangeError("must be an object");
  const { seed = 0, faults, ...rest } = body as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new RangeError(`${unknown} is neither seed nor faults`);
  if (!Array.isArray(faults)) throw new RangeError("faults must be a list");
  return { seed: number("seed", seed, 0, 2 ** 31), entries: faults.map(readEntry) };
}

function readEntry(value: unknown, index: number): Entry {
  try {
    if (typeof value !== "object" || value === null) throw new RangeError("must be an object");
    const { at_s, every_s, jitter_s, ...fault } = value as Record<string, unknown>;
    if ((at_s === undefined) === (every_s === undefined)) {
      throw new RangeError("must say either at_s or every_s");
    }
    if (at_s !== undefined) {
      if (jitter_s !== undefined) throw new RangeError("jitter_s goes with every_s alone");
      return { fault: readFault(fault), when: { atMs: ms("at_s", at_s, 0) } };
    }
    const everyMs = ms("every_s", every_s, 0.1);
    return {
      fault: readFault(fault),
      when: { everyMs, jitterMs: ms("jitter_s", jitter_s ?? 0, 0) },
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`faults[${index}]: ${error.message}`);
  }
}

function ms(name: string, seconds: unknown, min: number): number {
  return number(name, seconds, min, 30 * daySeconds) * 1000;
}

/** What is due in [sinceMs, untilMs) after the start, in order. */
export function planned({ seed, entries }: Schedule, sinceMs: number, untilMs: number): Planned[] {
  const found: Planned[] = [];
  for (const [index, { fault, when }] of entries.entries()) {
    if ("atMs" in when) {
      if (when.atMs >= sinceMs && when.atMs < untilMs) found.push({ atMs: when.atMs, fault });
      continue;
    }
    const { everyMs, jitterMs } = when;
    const first = Math.max(1, Math.floor((sinceMs - jitterMs) / everyMs));
    for (let n = first; n * everyMs < untilMs; n++) {
      const atMs = n * everyMs + Math.floor(unit(seed, index, n) * jitterMs);
      if (atMs >= sinceMs && atMs < untilMs) found.push({ atMs, fault });
    }
  }
  return found.sort((a, b) => a.atMs - b.atMs);
}

const lookMs = 10_000;

/** Switches faults on when they are due. One that cannot happen then (a market that is not listed) is told and left out. */
export async function runSchedule(
  schedule: Schedule,
  faults: Faults,
  signal: AbortSignal,
): Promise<void> {
  const begunMs = performance.now();
  for (let sinceMs = 0; !signal.aborted; sinceMs += lookMs) {
    for (const { atMs, fault } of planned(schedule, sinceMs, sinceMs + lookMs)) {
      await rest(begunMs + atMs - performance.now(), signal);
      if (signal.aborted) return;
      try {
        faults.set(fault);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        console.error(`the schedule's ${fault.kind} at ${atMs} ms is left out: ${error.message}`);
      }
    }
    await rest(begunMs + sinceMs + lookMs - performance.now(), signal);
  }
}

async function rest(forMs: number, signal: AbortSignal): Promise<void> {
  if (forMs <= 0 || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, forMs);
    signal.addEventListener("abort", done, { once: true });
  });
}
