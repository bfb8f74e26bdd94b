import { expect, test } from "vitest";
import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import { sleep } from "#core/lifecycle.ts";
import { until } from "../../tests/until.ts";
import { Outbox, type Sender } from "./outbox.ts";

const never = new AbortController().signal;
const limits = {
  recordsMax: 1_000,
  bytesMax: 1e6,
  marksMax: 100,
  batchRecordsMax: 100,
  batchBytesMax: 1e6,
};
const record = (value: string): ProducerRecord => ({
  topic: "t",
  partition: 0,
  key: null,
  value,
  headers: {},
});

/** Acknowledges when told to. */
function manualSender(): Sender & { readonly batches: string[][]; acknowledge(): void } {
  const batches: string[][] = [];
  let acknowledge = (): void => {};
  return {
    batches,
    acknowledge: () => acknowledge(),
    send: (records, signal) => {
      batches.push(records.map(({ value }) => String(value)));
      return new Promise((resolve, reject) => {
        acknowledge = resolve;
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
    },
  };
}

const turns = (): Promise<void> => sleep(5, never);

const batches = (sender: { readonly batches: readonly unknown[] }, count: number): Promise<void> =>
  until(`${count} batches`, 5_000, () => sender.batches.length === count, { everyMs: 1 });

test("what one turn of the loop brings goes as one batch, the next as soon as it is acknowledged", async () => {
  const sender = manualSender();
  const outbox = new Outbox({ sender, limits, steadyMs: () => 0, gatherMs: 1 });
  const running = outbox.run(never);
  await turns();
  for (const value of ["a", "b", "c"]) outbox.put(record(value));
  await batches(sender, 1);
  for (const value of ["d", "e"]) outbox.put(record(value));
  await turns();
  expect(sender.batches).toEqual([["a", "b", "c"]]);
  sender.acknowledge();
  await batches(sender, 2);
  expect(sender.batches).toEqual([["a", "b", "c"], ["d", "e"]]);
  outbox.close();
  sender.acknowledge();
  expect(await running).toBe(0);
});

test("marks wait for the acknowledgement of what was before them", async () => {
  const sender = manualSender();
  const outbox = new Outbox({ sender, limits, steadyMs: () => 0, gatherMs: 1 });
  const running = outbox.run(never);
  outbox.put(record("a"));
  outbox.putMarks([record("m1"), record("m2")]);
  outbox.put(record("b"));
  outbox.close();
  for (let batch = 1; batch <= 3; batch++) {
    await batches(sender, batch);
    sender.acknowledge();
  }
  expect(await running).toBe(0);
  expect(sender.batches).toEqual([["a"], ["m1", "m2"], ["b"]]);
});

test("giving up tells how much is unsent, what is on its way included", async () => {
  const sender = manualSender();
  const outbox = new Outbox({ sender, limits, steadyMs: () => 0, gatherMs: 1 });
  const giveUp = new AbortController();
  const running = outbox.run(giveUp.signal);
  outbox.put(record("a"));
  outbox.putMarks([record("m")]);
  await batches(sender, 1);
  outbox.close();
  giveUp.abort();
  expect(await running).toBe(2);
});

test("after closing nothing is taken", async () => {
  const sender = manualSender();
  const outbox = new Outbox({ sender, limits, steadyMs: () => 0, gatherMs: 1 });
  outbox.close();
  expect(outbox.put(record("a"))).toBe(false);
  expect(outbox.putMarks([record("m")])).toBe(false);
  expect(await outbox.run(never)).toBe(0);
});

test("a sender that fails for another reason than giving up is a failure of ours to tell", async () => {
  const outbox = new Outbox({
    sender: { send: () => Promise.reject(new Error("unexpected")) },
    limits,
    steadyMs: () => 0,
  });
  outbox.put(record("a"));
  await expect(outbox.run(never)).rejects.toThrow("unexpected");
});
