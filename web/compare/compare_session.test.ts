import { beforeEach, expect, test, vi } from "vitest";
import type { ComparePage, Stretch } from "#core/compare_page.ts";
import type { Interval } from "#core/interval.ts";
import { market } from "#core/market.ts";
import { CompareSession } from "./compare_session.ts";

const NOW_MS = Date.parse("2026-11-29T12:00:10Z");

beforeEach(() => {
  vi.useFakeTimers({ now: NOW_MS });
  return () => vi.useRealTimers();
});

let stop: AbortController;
beforeEach(() => {
  stop = new AbortController();
  return () => stop.abort();
});

/** A server that lacks the whole stretch until it is wished for, and then what is younger than 30 s. */
function started(interval: Interval, stretch: Stretch) {
  const counts = { fetches: 0, wishes: 0 };
  const fetch = (): Promise<ComparePage> => {
    counts.fetches++;
    const untilMs = Math.min(stretch.untilMs, Date.now() - 30_000);
    const lacks = counts.wishes === 0 && untilMs > stretch.sinceMs;
    return Promise.resolve({
      ...{ market: market("KRW-BTC"), interval, ...stretch, cut: false, givenSinceMs: null },
      notFetched: lacks ? [{ sinceMs: stretch.sinceMs, untilMs }] : [],
      wished: counts.wishes > 0,
      buckets: [],
    });
  };
  const wish = () => Promise.resolve(void counts.wishes++);
  const session = new CompareSession({ fetch, wish, nowMs: () => Date.now() });
  let ended = false;
  void session.run(stop.signal).then(() => ended = true);
  return { counts, session, ended: () => ended };
}

test("a stretch long past ends when nothing is lacking", async () => {
  const { counts, session, ended } = started("1s", {
    sinceMs: NOW_MS - 120_000,
    untilMs: NOW_MS - 60_000,
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(session.state.value.fetched).toBe(0);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(session.state.value.fetched).toBeNull();
  expect(counts).toEqual({ fetches: 2, wishes: 1 });
  expect(ended()).toBe(true);
});

test("up to now it goes on until its youngest second can be had, though nothing is lacking for a while", async () => {
  const { session, ended } = started("1s", { sinceMs: NOW_MS - 60_000, untilMs: NOW_MS });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(session.state.value.page!.notFetched).toEqual([]);
  expect(session.state.value.fetched).toBe(1);
  expect(ended()).toBe(false);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(session.state.value.fetched).toBeNull();
  expect(ended()).toBe(true);
});

test("the bucket that forms is not waited for", async () => {
  const { ended } = started("1d", { sinceMs: NOW_MS - 10 * 86_400_000, untilMs: NOW_MS });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(ended()).toBe(true);
});
