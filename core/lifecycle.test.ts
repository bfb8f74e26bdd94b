import { expect, test } from "vitest";
import { runWorkers, sleep, type Worker } from "./lifecycle.ts";

const never = new AbortController().signal;

function untilAborted(name: string, drained: string[], drainMs = 0): Worker {
  return {
    name,
    run: async (signal) => {
      await sleep(60_000, signal);
      await sleep(drainMs, never);
      drained.push(name);
    },
  };
}

test("runWorkers() ends when the signal aborts, after every worker has drained", async () => {
  const stop = new AbortController();
  const drained: string[] = [];
  const running = runWorkers(
    [untilAborted("quick", drained), untilAborted("slow", drained, 30)],
    stop.signal,
  );
  stop.abort();
  await running;
  expect(drained).toEqual(["quick", "slow"]);
});

test("the first worker that throws stops all, and its error is the one told", async () => {
  const drained: string[] = [];
  const failing: Worker = { name: "failing", run: () => Promise.reject(new Error("disk full")) };
  await expect(runWorkers([untilAborted("other", drained), failing], never)).rejects.toThrow(
    "disk full",
  );
  expect(drained).toEqual(["other"]);
});

test("a worker that ends by itself is an error: nobody would do its work", async () => {
  const ending: Worker = { name: "poller", run: () => Promise.resolve() };
  await expect(runWorkers([ending, untilAborted("other", [])], never)).rejects.toThrow(
    "poller ended by itself",
  );
});

test("a worker that rejects because of the stop is no failure, one that fails while draining is", async () => {
  const stop = new AbortController();
  const aborting: Worker = {
    name: "aborting",
    run: async (signal) => {
      await sleep(60_000, signal);
      signal.throwIfAborted();
    },
  };
  const running = runWorkers([aborting], stop.signal);
  stop.abort();
  await running;

  const stopAgain = new AbortController();
  const failing: Worker = {
    name: "failing",
    run: async (signal) => {
      await sleep(60_000, signal);
      throw new Error("could not flush");
    },
  };
  const failed = runWorkers([failing], stopAgain.signal);
  stopAgain.abort();
  await expect(failed).rejects.toThrow("could not flush");
});

test("sleep() ends early at an abort, and at once when it was before", async () => {
  const stop = new AbortController();
  const startedAt = performance.now();
  setTimeout(() => stop.abort(), 20);
  await sleep(60_000, stop.signal);
  await sleep(60_000, stop.signal);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
