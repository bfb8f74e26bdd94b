import type { TopicPartitionOffset } from "kafkajs";
import { expect, test } from "vitest";
import { createLog } from "../log.ts";
import { OffsetCommits } from "./offset_commits.ts";

const log = createLog("test", "error");

function recorder(outcome: (call: number) => Promise<void> = () => Promise.resolve()) {
  const calls: TopicPartitionOffset[][] = [];
  const commits = new OffsetCommits((offsets) => {
    calls.push(offsets);
    return outcome(calls.length);
  }, log);
  return { calls, commits };
}

test("OffsetCommits sends one request for all partitions, the newest offset of each", async () => {
  const { calls, commits } = recorder();
  commits.add("candle", 0, 5n);
  commits.add("candle", 1, 7n);
  commits.add("candle", 0, 9n);
  await commits.flush();
  expect(calls).toEqual([[
    { topic: "candle", partition: 0, offset: "9" },
    { topic: "candle", partition: 1, offset: "7" },
  ]]);
});

test("OffsetCommits takes what came during a commit along with the next, and goes on after a refusal", async () => {
  const { calls, commits } = recorder((call) =>
    call === 1 ? Promise.reject(new Error("rebalance")) : Promise.resolve()
  );
  commits.add("candle", 0, 1n);
  await commits.flush();
  commits.add("candle", 0, 2n);
  await commits.flush();
  expect(calls.map(([first]) => first!.offset)).toEqual(["1", "2"]);
});
