import fc from "fast-check";
import { expect, test } from "vitest";
import { OutboxQueue } from "./outbox_queue.ts";

const limits = {
  recordsMax: 50,
  bytesMax: 50 * 1_000,
  marksMax: 24,
  batchRecordsMax: 7,
  batchBytesMax: 5_000,
};

type Step =
  | { readonly do: "element"; readonly bytes: number }
  | { readonly do: "marks"; readonly count: number }
  | { readonly do: "take" | "acknowledge" };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("element"), bytes: fc.nat(6_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("marks"), count: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("take", "acknowledge") }) },
) as fc.Arbitrary<Step>;

test("everything put comes out once, in order; a mark goes after all before it is acknowledged; limits hold", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = new OutboxQueue<string>(limits);
      const put: string[] = [];
      const acknowledged: string[] = [];
      let onTheirWay: readonly string[] | null = null;
      const acknowledge = (): void => {
        if (onTheirWay === null) return;
        acknowledged.push(...onTheirWay);
        queue.acknowledged();
        onTheirWay = null;
      };
      const take = (): void => {
        if (onTheirWay !== null) return;
        const batch = queue.take();
        if (batch === null) return;
        onTheirWay = batch.items;
        expect(batch.items.length).toBeLessThanOrEqual(limits.batchRecordsMax);
        expect(new Set(batch.items.map((item) => item.startsWith("m"))).size).toBe(1);
        // one batch at a time: when a mark leaves, all that was put before it is acknowledged
        if (batch.marks) {
          expect(acknowledged).toEqual(put.slice(0, put.indexOf(batch.items[0]!)));
        }
      };
      for (const [index, one] of steps.entries()) {
        if (one.do === "element") {
          const full = queue.records + 1 > limits.recordsMax ||
            queue.bytes + one.bytes + 512 > limits.bytesMax;
          expect(queue.putElement(`e${index}`, one.bytes)).toBe(!full);
          if (!full) put.push(`e${index}`);
        } else if (one.do === "marks") {
          const items = Array.from({ length: one.count }, (_, mark) => `m${index}.${mark}`);
          if (queue.putMarks(items)) put.push(...items);
        } else if (one.do === "take") take();
        else acknowledge();
        expect(queue.records).toBeLessThanOrEqual(limits.recordsMax);
        expect(queue.bytes).toBeLessThanOrEqual(limits.bytesMax);
        expect(queue.marks).toBeLessThanOrEqual(limits.marksMax);
        expect(queue.load).toBeLessThanOrEqual(1);
        expect(queue.records + queue.marks).toBe(put.length - acknowledged.length);
      }
      for (acknowledge(); queue.records + queue.marks > 0; acknowledge()) take();
      expect(acknowledged).toEqual(put);
      expect([queue.bytes, queue.load]).toEqual([0, 0]);
    }),
    { numRuns: 500 },
  );
});

test("a full buffer still takes the marks that say so", () => {
  const queue = new OutboxQueue<string>({ ...limits, recordsMax: 1 });
  expect(queue.putElement("a", 1)).toBe(true);
  expect(queue.putElement("b", 1)).toBe(false);
  expect(queue.putMarks(["m"])).toBe(true);
});

test("marks are put all or none", () => {
  const queue = new OutboxQueue<string>({ ...limits, marksMax: 3 });
  expect(queue.putMarks(["1", "2"])).toBe(true);
  expect(queue.putMarks(["3", "4"])).toBe(false);
  expect(queue.take()?.items).toEqual(["1", "2"]);
});

test("taking before the last batch was acknowledged is our bug", () => {
  const queue = new OutboxQueue<string>(limits);
  queue.putElement("a", 1);
  queue.take();
  expect(() => queue.take()).toThrow("one batch on its way");
});
