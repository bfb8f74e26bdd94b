import { expect, test } from "vitest";
import { originAllowance, RateLimits, restAllowance } from "./rate_limits.ts";

function limits() {
  const time = { ms: 1_000_000_000_000 };
  const counted = new RateLimits(() => time.ms);
  const take = (group = "candles", address = "a") => counted.take(address, group, restAllowance);
  return { time, counted, take };
}

test("UPBIT.md 7: ten a second of each group and address, counted down from 9, then 429, and anew with the second", () => {
  const { time, take } = limits();
  const left = Array.from({ length: 10 }, () => take());
  expect(left).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((left) => ({ kind: "taken", left })));
  expect(take()).toEqual({ kind: "many" });
  expect(take("ticker")).toEqual({ kind: "taken", left: 9 });
  expect(take("candles", "b")).toEqual({ kind: "taken", left: 9 });
  time.ms += 1000;
  expect(take()).toEqual({ kind: "taken", left: 9 });
});

test("UPBIT.md 7: who goes on after 429 is blocked from everything (418), each time for longer", () => {
  const { time, take } = limits();
  const insist = () => {
    for (let i = 0; i < 1000; i++) {
      const verdict = take();
      if (verdict.kind === "blocked") return verdict.blockedMs;
    }
    throw new Error("never blocked");
  };
  const blocks: number[] = [];
  for (let i = 0; i < 4; i++) {
    blocks.push(insist());
    expect(take("ticker").kind).toBe("blocked");
    expect(take("ticker", "b").kind).toBe("taken");
    time.ms += blocks.at(-1)! - 1;
    expect(take()).toEqual({ kind: "blocked", blockedMs: 1 });
    time.ms += 1;
    expect(take().kind).toBe("taken");
  }
  expect(blocks).toEqual([5_000, 10_000, 20_000, 40_000]);
  time.ms += 3_700_000;
  expect(insist()).toBe(5_000);
});

test("UPBIT.md 7: a request with an Origin is served once in ten seconds", () => {
  const { time, counted } = limits();
  const take = () => counted.take("a", "origin", originAllowance).kind;
  expect([take(), take()]).toEqual(["taken", "many"]);
  time.ms += 9_999;
  expect(take()).toBe("many");
  time.ms += 1;
  expect(take()).toBe("taken");
});
