import { expect, test } from "vitest";
import { until } from "../../tests/until.ts";
import { GroupCommit } from "./group_commit.ts";

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

function groupCommit(
  store: (items: readonly number[], signal: AbortSignal) => Promise<void>,
  sizeMax = 1_000,
  storesMax?: number,
) {
  return new GroupCommit<number>({
    name: "test",
    sizeOf: (item) => item,
    sizeMax,
    itemsMax: 10,
    store,
    ...storesMax === undefined ? {} : { storesMax },
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

test("with two stores what arrives meanwhile is stored beside the first, and what arrives together is still one group", async () => {
  const begun: number[][] = [];
  const ends: (() => void)[] = [];
  const commits = groupCommit(
    (items) => {
      begun.push([...items]);
      return new Promise((resolve) => ends.push(resolve));
    },
    1_000,
    2,
  );
  const began = (count: number): Promise<void> =>
    until(`${count} stores begun`, 5_000, () => begun.length >= count, { everyMs: 1 });
  const stop = new AbortController();
  const running = commits.run(stop.signal);
  const first = [commits.commit(1)];
  // of one fetch, within one turn of the loop
  for (let step = 0; step < 20; step++) await Promise.resolve();
  first.push(commits.commit(2));
  await began(1);
  const second = commits.commit(3);
  await began(2);
  const third = commits.commit(4);
  await later();
  expect(begun).toEqual([[1, 2], [3]]);
  ends[1]!();
  await second;
  await began(3);
  expect(begun).toEqual([[1, 2], [3], [4]]);
  ends[0]!();
  ends[2]!();
  await Promise.all([...first, third]);
  stop.abort();
  await running;
});

test("a store that throws stops the one beside it, which may wait for a database that is away", async () => {
  const bug = new Error("our bug");
  const commits = groupCommit(
    ([item], signal) =>
      item === 1
        ? new Promise((_, failed) => signal.addEventListener("abort", () => failed(signal.reason)))
        : Promise.reject(bug),
    1,
    2,
  );
  const outcomes = Promise.allSettled([commits.commit(1), commits.commit(2), commits.commit(3)]);
  await expect(commits.run(new AbortController().signal)).rejects.toBe(bug);
  expect((await outcomes).map((outcome) => (outcome as PromiseRejectedResult).reason))
    .toEqual([bug, bug, bug]);
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
