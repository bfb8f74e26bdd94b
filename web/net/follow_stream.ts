import { backoffMs, type BackoffPlan } from "#core/backoff.ts";
import { sleep } from "#core/lifecycle.ts";
import type { StreamEventName } from "#core/event/name.ts";

/** As much of the browser's EventSource as is used, so that a fake is an object literal. */
export interface EventSourceLike {
  addEventListener(name: string, listener: (event: { readonly data?: string }) => void): void;
  close(): void;
}

export interface StreamOptions {
  readonly url: string;
  readonly open: (url: string) => EventSourceLike;
  /** Gets each event's data, the tail first. `signal` ends with this very connection. */
  readonly onEvent: (name: StreamEventName, data: string, signal: AbortSignal) => void;
  readonly onState: (state: "connecting" | "open" | "lost") => void;
  /** Dispatches `slept` after a time in which events may have been missed, `wake` when only the connection is in doubt. */
  readonly wakes: EventTarget;
  /** Dispatches `renew` when a new beginning is wanted at once. */
  readonly renewals?: EventTarget;
  readonly nowMs: () => number;
  readonly chance: () => number;
}

const EVENT_NAMES: readonly StreamEventName[] = [
  "tail",
  "ticker",
  "candle",
  "postgres-candle",
  "link",
];

const BACKOFF: BackoffPlan = { firstMs: 300, maxMs: 5_000 };

/** Link events come at least every 5 s: a stream that says nothing for longer is dead, whatever TCP thinks of it. */
export const SILENCE_MS_MAX = 12_000;

/** What was said less than this long ago needs no new connection when the network changed. */
const AWAKE_MS_MAX = 6_000;

/** A connection that lived for this long was a good one: the next retry starts from the shortest wait. */
const GOOD_MS_MIN = 10_000;

/**
 * Keeps one event stream open until the signal aborts. The browser's own reconnecting is not used: it gives up on an HTTP
 * error, does not notice a half-open link, and there are no event ids to resume from. Each connection is a new beginning
 * that starts with a tail.
 */
export async function followStream(options: StreamOptions, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    options.onState(failures === 0 ? "connecting" : "lost");
    const openedAtMs = options.nowMs();
    const end = await connection(options, signal);
    if (signal.aborted) return;
    if (end === "renewed") continue;
    options.onState("lost");
    failures = options.nowMs() - openedAtMs >= GOOD_MS_MIN ? 1 : failures + 1;
    await sleepOrWake(backoffMs(BACKOFF, failures, options.chance()), options.wakes, signal);
  }
}

/** One connection; resolves when it is lost, silent, overslept, or no longer wanted. */
function connection(
  options: StreamOptions,
  signal: AbortSignal,
): Promise<"lost" | "renewed"> {
  return new Promise((resolve) => {
    const ended = new AbortController();
    const source = options.open(options.url);
    let heardAtMs = options.nowMs();
    const endAs = (how: "lost" | "renewed"): void => {
      if (ended.signal.aborted) return;
      ended.abort();
      source.close();
      clearInterval(watchdog);
      resolve(how);
    };
    const end = (): void => endAs("lost");
    const endIfSilent = (msMax: number): void => {
      if (options.nowMs() - heardAtMs > msMax) end();
    };
    const watchdog = setInterval(() => endIfSilent(SILENCE_MS_MAX), 1_000);
    options.wakes.addEventListener("wake", () => endIfSilent(AWAKE_MS_MAX), {
      signal: ended.signal,
    });
    options.wakes.addEventListener("slept", () => endAs("renewed"), { signal: ended.signal });
    options.renewals?.addEventListener("renew", () => endAs("renewed"), {
      signal: ended.signal,
    });
    signal.addEventListener("abort", end, { signal: ended.signal });
    source.addEventListener("error", end);
    for (const name of EVENT_NAMES) {
      source.addEventListener(name, (event) => {
        if (ended.signal.aborted) return;
        heardAtMs = options.nowMs();
        if (name === "tail") options.onState("open");
        options.onEvent(name, event.data ?? "", ended.signal);
      });
    }
    if (signal.aborted) end();
  });
}

async function sleepOrWake(ms: number, wakes: EventTarget, signal: AbortSignal): Promise<void> {
  const awake = new AbortController();
  for (const name of ["wake", "slept"]) {
    wakes.addEventListener(name, () => awake.abort(), { signal: awake.signal });
  }
  await sleep(ms, AbortSignal.any([signal, awake.signal]));
  awake.abort();
}
