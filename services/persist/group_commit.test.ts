import { expect, test } from "vitest";
import { GroupCommit } from "./group_commit.ts";

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

function groupCommit(store: (items: readonly number[]) => Promise<void>, sizeMax = 1_000) {
  return new GroupCommit<number>({
    name: "test",
    sizeOf: (item) => item,
    sizeMax,
    itemsMax: 10,
    store,
  });
}

test("what arrives while a store runs is stored together next, in order, and each caller waits for its own", async () => {
  const stored: number[][] = [];
  const commits = groupCommit(async (items) => {
    await later();
    stored.push([...items]);
  });
  const stop = new AbortController();
  const running = commits.run(stop.signal);
  const first = commits.commit(1);
  await new Promise((resolve) => setTimeout(resolve, 2));
  const rest = [2, 3, 4].map((item) => commits.commit(item));
  await first;
  expect(stored).toEqual([[1]]);
  await Promise.all(rest);
  expect(stored).toEqual([[1], [2, 3, 4]]);
  stop.abort();
  await running;
});

test("a group stays within its size; an item above it goes alone", async () => {
  const stored: number[][] = [];
  const commits = groupCommit((items) => {
    stored.push([...items]);
    return Promise.resolve();
  }, 10);
  const done = [4, 6, 1, 25, 3].map((item) => commits.commit(item));
  const stop = new AbortController();
  const running = commits.run(stop.signal);
  await Promise.all(done);
  expect(stored).toEqual([[4, 6], [1], [25], [3]]);
  stop.abort();
  await running;
});

test("a store that throws ends the worker, and no caller waits for ever, neither before nor after", async () => {
  const bug = new Error("our bug");
  const commits = groupCommit(() => Promise.reject(bug), 1);
  const waiting = [commits.commit(1), commits.commit(1)];
  const outcomes = Promise.allSettled(waiting);
  await expect(commits.run(new AbortController().signal)).rejects.toBe(bug);
  expect(await outcomes).toEqual([{ status: "rejected", reason: bug }, {
    status: "rejected",
    reason: bug,
  }]);
  await expect(commits.commit(1)).rejects.toBe(bug);
});

test("a stop rejects what was not stored: its offsets must not be committed", async () => {
  const commits = groupCommit(() => Promise.resolve());
  const stop = new AbortController();
  stop.abort();
  const waiting = commits.commit(1);
  const outcome = expect(waiting).rejects.toBe(stop.signal.reason);
  await commits.run(stop.signal);
  await outcome;
});
