import fc from "fast-check";
import { expect, test } from "vitest";
import { TOPIC_PLANS } from "#core/topics.ts";
import {
  budgetBytes,
  diskShares,
  GB,
  topicBytesMax,
  topicPlansWithin,
  usualBudgetBytes,
} from "./disk_budget.ts";

test("a folder's budget is a fifth of the free space, at most 20 GB, and enough to begin with", () => {
  expect(usualBudgetBytes(77 * GB)).toBe(15.4 * GB);
  expect(usualBudgetBytes(4_000 * GB)).toBe(20 * GB);
  expect(usualBudgetBytes(3 * GB)).toBe(1 * GB);
});

test("a budget that the disk cannot hold is refused with what it can", () => {
  expect(budgetBytes(50, 77.7 * GB)).toBe(50 * GB);
  expect(() => budgetBytes(78, 77.7 * GB)).toThrow(/--disk-budget 78: .* 77 GB/);
});

const budget = fc.double({ min: 1, max: 100_000, noNaN: true }).map((gb) => Math.floor(gb * GB));

test("the shares are the whole budget, and PostgreSQL's tables get most of it", () => {
  fc.assert(fc.property(budget, (bytes) => {
    const { kafkaBytes, walBytes, databaseBytes } = diskShares(bytes);
    expect(kafkaBytes + walBytes + databaseBytes).toBe(bytes);
    expect(databaseBytes).toBeGreaterThan(bytes * 0.6);
    expect(walBytes).toBeGreaterThanOrEqual(128 * 1024 ** 2); // min_wal_size is 80;
  }));
});

test("the topics' limits fit into Kafka's share, for every budget", () => {
  fc.assert(fc.property(budget, (bytes) => {
    const { kafkaBytes } = diskShares(bytes);
    const plans = topicPlansWithin(kafkaBytes);
    const most = plans.reduce((sum, plan) => sum + topicBytesMax(plan), 0);
    expect(most).toBeLessThanOrEqual(kafkaBytes);
    for (const [at, { topic, partitions, settings }] of plans.entries()) {
      const plan = TOPIC_PLANS[at]!;
      expect({ topic, partitions }).toEqual({ topic: plan.topic, partitions: plan.partitions });
      expect(Number(settings["segment.bytes"])).toBeGreaterThan(1024 ** 2 + 12); // message.max.bytes
      for (const name of ["retention.bytes", "segment.bytes"]) {
        if (plan.settings[name] === undefined) continue;
        expect(Number(settings[name])).toBeLessThanOrEqual(Number(plan.settings[name]));
      }
      expect({ ...settings, "retention.bytes": "", "segment.bytes": "" })
        .toEqual({
          ...plan.settings,
          "retention.bytes": "",
          "segment.bytes": "",
        });
    }
  }));
});

test("with room for all, topics stay as they are planned", () => {
  expect(topicPlansWithin(100 * GB)).toEqual(TOPIC_PLANS);
});
