import { beforeEach, describe, expect, test, vi } from "vitest";
import { Budget, BUDGET_PAUSES, type LimitSign } from "./budget.ts";

const signal = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  return () => vi.useRealTimers();
});

/** When each of so many requests had its turn, ms after the first. */
async function turns(budget: Budget, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < count; at++) {
    const turn = budget.take(signal).then(() => times.push(performance.now()));
    await vi.runAllTimersAsync();
    await turn;
  }
  return times.map((time) => time - times[0]!);
}

/** The pause after each of eight such answers in a row, each waited for, ms. */
function pausesAfter(budget: Budget, sign: LimitSign): readonly number[] {
  return Array.from({ length: 8 }, () => {
    budget.answered(sign);
    const { pausedMs } = budget;
    vi.advanceTimersByTime(pausedMs);
    return pausedMs;
  });
}

const budgetOf = (perSecond: number): Budget =>
  new Budget({ perSecond, ...BUDGET_PAUSES }, () => performance.now());

describe("Budget", () => {
  test.each([1, 5, 9])("of %i lets through so many in any second, evenly", async (perSecond) => {
    const times = await turns(budgetOf(perSecond), 3 * perSecond + 1);
    for (const [index, time] of times.entries()) {
      const within = times.filter((other) => other >= time && other < time + 999);
      expect(within.length, `from ${index}`).toBeLessThanOrEqual(perSecond);
    }
    expect(times.at(-1)).toBeLessThan(3_100);
  });

  test("leaves the last request of a second to others of the address", async () => {
    const budget = budgetOf(9);
    await turns(budget, 1);
    budget.answered({ kind: "taken", left: 2 });
    expect(budget.pausedMs).toBe(0);
    budget.answered({ kind: "taken", left: 1 });
    expect(budget.pausedMs).toBe(1_000);
    const before = performance.now();
    await turns(budget, 1);
    expect(performance.now() - before).toBeGreaterThanOrEqual(1_000);
  });

  test("nine a second stay nine although each second is used up to the last: the pause ends with the exchange's second", async () => {
    const budget = budgetOf(9);
    const counts = new Map<number, number>();
    const requests = 90;
    const fromMs = performance.now();
    for (let at = 0; at < requests; at++) {
      await turns(budget, 1);
      // as the exchange counts: ten in each second of its clock, which is none of ours
      const second = Math.floor((performance.now() + 370) / 1_000);
      counts.set(second, (counts.get(second) ?? 0) + 1);
      budget.answered({ kind: "taken", left: 10 - counts.get(second)! });
    }
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(9);
    expect(requests / (performance.now() - fromMs) * 1_000).toBeGreaterThan(8.5);
  });

  test("an answer that overtook another begins no second, and asks for no longer pause", () => {
    const budget = budgetOf(9);
    budget.answered({ kind: "taken", left: 9 });
    vi.advanceTimersByTime(600);
    for (const left of [2, 4, 3, 1]) budget.answered({ kind: "taken", left });
    expect(budget.pausedMs).toBe(400);
  });

  test("without any answer it tries again within five seconds, however long the outage", () => {
    const budget = budgetOf(9);
    expect(pausesAfter(budget, { kind: "away" })).toEqual([
      500,
      1_000,
      2_000,
      4_000,
      5_000,
      5_000,
      5_000,
      5_000,
    ]);
  });

  test("pauses twice as long after each 429 in a row, up to a minute; a good answer ends that", () => {
    const budget = budgetOf(9);
    expect(pausesAfter(budget, { kind: "too many" })).toEqual([
      1_000,
      2_000,
      4_000,
      8_000,
      16_000,
      32_000,
      60_000,
      60_000,
    ]);
    budget.answered({ kind: "taken", left: 9 });
    budget.answered({ kind: "too many" });
    expect(budget.pausedMs).toBe(1_000);
  });

  test("a block lasts as long as the exchange says and a second more; unsaid, ever longer", () => {
    const budget = budgetOf(9);
    budget.answered({ kind: "blocked", forMs: 5_000 });
    expect(budget.pausedMs).toBe(6_000);
    vi.advanceTimersByTime(6_000);
    budget.answered({ kind: "blocked", forMs: null });
    expect(budget.pausedMs).toBe(60_000);
    vi.advanceTimersByTime(60_000);
    budget.answered({ kind: "blocked", forMs: null });
    expect(budget.pausedMs).toBe(120_000);
  });

  test("a stop ends the waiting", async () => {
    const budget = budgetOf(1);
    budget.answered({ kind: "blocked", forMs: 3_600_000 });
    const stop = new AbortController();
    const taken = budget.take(stop.signal);
    stop.abort();
    await taken;
    expect(performance.now()).toBeLessThan(1_000);
  });
});
