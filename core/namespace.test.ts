import { expect, test } from "vitest";
import { databaseName, groupName, type Namespace, namespace, topicName } from "./namespace.ts";
import { redisKeys } from "./redis_keys.ts";
import type { Market } from "./market.ts";

test("namespace() takes the empty one, and names that end in a dot", () => {
  for (const good of ["", "simulated.", "replay-ws62."]) expect(namespace(good)).toBe(good);
  for (const bad of ["simulated", ".", "Simulated.", "a.b.", "-a.", "a_b.", `${"a".repeat(41)}.`]) {
    expect(() => namespace(bad), bad).toThrow("is not a namespace");
  }
});

test("a namespace separates topics, groups, databases and keys", () => {
  const [real, replay] = ["" as Namespace, "replay-ws62." as Namespace];
  expect(topicName(real, "market_ticker")).toBe("market_ticker");
  expect(topicName(replay, "market_ticker")).toBe("replay-ws62.market_ticker");
  expect(groupName(replay, "persist")).toBe("replay-ws62.stofka-persist");
  expect(databaseName(real)).toBe("stofka");
  expect(databaseName(replay)).toBe("stofka_replay_ws62");
  expect(redisKeys(replay)).toMatchObject({ tickers: "replay-ws62.tickers" });
  expect(redisKeys(replay).seconds("KRW-BTC" as Market)).toBe("replay-ws62.seconds:KRW-BTC");
});
