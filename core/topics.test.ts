import { expect, test } from "vitest";
import { PARTITIONS, TOPIC_PLANS, TOPICS } from "./topics.ts";

test("every topic has one plan", () => {
  expect(TOPIC_PLANS.map(({ topic }) => topic).sort()).toEqual(Object.values(TOPICS).sort());
});

test("topics keyed by market have the same partitions, so that a mark speaks of all of them", () => {
  const counts = new Map(TOPIC_PLANS.map(({ topic, partitions }) => [topic, partitions]));
  for (const topic of [TOPICS.secondCandle, TOPICS.ticker, TOPICS.exchangeCandle] as const) {
    expect(counts.get(topic)).toBe(PARTITIONS);
  }
});

test("every topic is bounded: by time and bytes, or by its keys", () => {
  for (const { topic, settings } of TOPIC_PLANS) {
    if (settings["cleanup.policy"] === "compact") continue;
    expect(Number(settings["retention.ms"]), topic).toBeGreaterThan(0);
    expect(Number(settings["retention.bytes"]), topic).toBeGreaterThan(0);
  }
});
