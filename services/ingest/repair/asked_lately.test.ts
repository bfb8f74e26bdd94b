import { describe, expect, test } from "vitest";
import { market } from "#core/market.ts";
import { AskedLately, HELD_MS, HELD_MS_MAX } from "./asked_lately.ts";
import type { Want } from "./want.ts";

const want = (sinceMs: number, untilMs: number, more: Partial<Want> = {}): Want => ({
  kind: "gap",
  market: market("KRW-BTC"),
  interval: "1s",
  sinceMs,
  untilMs,
  ...more,
});

describe("AskedLately", () => {
  test("what was asked is not asked again for half a minute, neighbours and other intervals are", () => {
    const asked = new AskedLately();
    asked.note(want(1_000, 2_000), 1_000, 0);
    expect(asked.left(want(1_000, 2_000), HELD_MS - 1)).toBeNull();
    expect(asked.left(want(1_200, 1_800), HELD_MS - 1)).toBeNull();
    expect(asked.left(want(2_000, 3_000), 0)).toEqual(want(2_000, 3_000));
    expect(asked.left(want(1_000, 2_000, { interval: "1m" }), 0)).not.toBeNull();
    expect(asked.left(want(1_000, 2_000, { market: market("KRW-ETH") }), 0)).not.toBeNull();
    expect(asked.left(want(1_000, 2_000), HELD_MS)).toEqual(want(1_000, 2_000));
  });

  test("of a longer stretch, what is left is the newest part that is not held", () => {
    const asked = new AskedLately();
    asked.note(want(0, 5_000), 4_000, 0);
    expect(asked.left(want(0, 5_000), 1)).toEqual(want(0, 4_000));
    asked.note(want(1_000, 2_000), 1_000, 1);
    expect(asked.left(want(0, 5_000), 2)).toEqual(want(2_000, 4_000));
    expect(asked.left(want(0, 2_000), 2)).toEqual(want(0, 1_000));
  });

  test("an answer that reached further back than was asked holds all of it", () => {
    const asked = new AskedLately();
    asked.note(want(4_000, 5_000), 1_000, 0);
    expect(asked.left(want(1_000, 3_000), 1)).toBeNull();
  });

  test("what stays missing is asked for ever more seldom", () => {
    const asked = new AskedLately();
    let nowMs = 0;
    const waits: number[] = [];
    for (let times = 0; times < 9; times++) {
      asked.note(want(0, 1_000), 0, nowMs);
      let waitMs = 0;
      while (asked.left(want(0, 1_000), nowMs + waitMs) === null) waitMs += HELD_MS;
      waits.push(waitMs);
      nowMs += waitMs;
    }
    expect(waits.slice(0, 4)).toEqual([1, 2, 4, 8].map((times) => times * HELD_MS));
    expect(waits.at(-1)).toBe(HELD_MS_MAX);
  });

  test("the pages of one stretch are no repetition of each other", () => {
    const asked = new AskedLately();
    for (let page = 9; page >= 0; page--) {
      asked.note(want(0, (page + 1) * 100), page * 100, 0);
    }
    expect(asked.left(want(0, 1_000), HELD_MS)).not.toBeNull();
  });

  test("a market that is gone is left alone, whatever is wanted of it", () => {
    const asked = new AskedLately();
    asked.noteGone(market("KRW-BTC"), 0);
    expect(asked.left(want(0, 1, { interval: "1d" }), 60_000)).toBeNull();
    expect(asked.left(want(0, 1, { interval: "1d" }), 600_000)).not.toBeNull();
  });

  test("is bounded: the oldest give way", () => {
    const asked = new AskedLately();
    for (let at = 0; at < 50_000; at++) {
      asked.note(want(at * 10, at * 10 + 5, { market: market(`KRW-A${at % 500}`) }), at * 10, at);
    }
    expect(asked.entries).toBeLessThanOrEqual(40_000);
  });
});
