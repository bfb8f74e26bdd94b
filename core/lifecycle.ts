/** A part of a service: works until the signal aborts, then drains and returns. An early return or throw is the end of the service. */
export interface Worker {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Runs the workers side by side. The first that ends or throws, and the outer signal, stop all; every one is waited for.
 *
 * @throws the first worker's error, or an error that names a worker which ended by itself
 */
export async function runWorkers(workers: readonly Worker[], signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const all = AbortSignal.any([signal, stop.signal]);
  let first: { error: unknown } | null = null;
  await Promise.all(workers.map(async (worker) => {
    try {
      await worker.run(all);
      if (!all.aborted) throw new Error(`${worker.name} ended by itself`);
    } catch (error) {
      if (!(all.aborted && isAbort(error, all))) first ??= { error };
    } finally {
      stop.abort();
    }
  }));
  if (first !== null) throw (first as { error: unknown }).error;
}

/** Resolves after the time, or at once when the signal aborts. Look at `signal.aborted` afterwards. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === "AbortError");
}
