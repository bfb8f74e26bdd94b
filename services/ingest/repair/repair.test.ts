import { Registry } from "prom-client";
import { pino } from "pino";
import { expect, test } from "vitest";
import { Failure } from "#core/failure.ts";
import { market } from "#core/market.ts";
import { repairMetrics } from "./metrics.ts";
import type { Page } from "./page.ts";
import { Repair, type RepairLimits, type RepairPorts } from "./repair.ts";
import type { Want } from "./want.ts";

const BTC = market("KRW-BTC");
const want = (sinceMs: number, untilMs: number, more: Partial<Want> = {}): Want => ({
  kind: "gap",
  market: BTC,
  interval: "1s",
  sinceMs,
  untilMs,
  ...more,
});

/** An answer that reaches the want's begin, or as far as is said. */
const page = (asked: Want, reachedMs = asked.sinceMs): Page => ({
  answer: { ...asked, sinceMs: reachedMs, fetchedAtMs: 1e9, rows: [] },
  rest: reachedMs <= asked.sinceMs ? null : { ...asked, untilMs: reachedMs },
});

/** Runs it until so many rounds were asked for. */
async function run(
  ports: Partial<RepairPorts>,
  rounds = 1,
  limits: Partial<RepairLimits> = {},
): Promise<readonly Want[]> {
  const stop = new AbortController();
  const asked: Want[] = [];
  let round = 0;
  const repair = new Repair({
    clock: { nowMs: () => 1e9, steadyMs: () => performance.now() },
    chance: () => 0,
    markets: () => [BTC],
    seenSinceMs: () => null,
    uncompared: () => Promise.resolve([]),
    isAway: (error) => error instanceof Failure,
    budget: { take: () => Promise.resolve() },
    publish: () => Promise.resolve(),
    metrics: repairMetrics(new Registry()),
    log: pino({ level: "silent" }),
    ...ports,
    missing: (...question) => {
      if (++round > rounds) {
        stop.abort();
        return Promise.resolve([]);
      }
      return ports.missing?.(...question) ?? Promise.resolve([]);
    },
    ask: (one, signal) => {
      asked.push(one);
      return ports.ask?.(one, signal) ?? Promise.resolve(page(one));
    },
  }, {
    wantsMax: 100,
    requestsMax: 4,
    roundMs: 1_000,
    parityMs: 2_000,
    parityRoundMs: 60_000,
    idleMs: 1,
    ...limits,
  });
  await repair.run(stop.signal);
  return asked;
}

test("what our own session sees is not asked for, however far behind persist is; a wish is", async () => {
  const wants = [
    want(0, 30_000),
    want(40_000, 50_000, { interval: "1m" }),
    want(20_000, 60_000, { interval: "3m" }),
    want(40_000, 60_000, { kind: "wish", interval: "5m" }),
  ];
  const asked = await run({
    missing: () => Promise.resolve(wants),
    seenSinceMs: () => 10_437,
  });
  expect(asked).toEqual([
    want(0, 16_000),
    want(40_000, 60_000, { kind: "wish", interval: "5m" }),
  ]);
});

test("a gap whose end is too young to be listed waits for it, so that it is asked for once; a long one does not wait", async () => {
  // begun to count at 1e9 - 7 s; what is listed ends 15 s before now
  const endMs = 1e9 - 7_000;
  const listed = 1e9 - 15_000;
  const asked = (...wants: Want[]) =>
    run({
      missing: () => Promise.resolve(wants),
      seenSinceMs: () => endMs - 5_000,
    });
  expect(await asked(want(listed - 60_000, listed))).toEqual([]);
  // of an earlier break
  expect(await asked(want(listed - 60_000, listed - 2_000)))
    .toEqual([want(listed - 60_000, listed - 2_000)]);
  expect(await asked(want(listed - 400_000, listed))).toEqual([want(listed - 400_000, listed)]);
  // whole by now
  expect(await asked(want(endMs - 60_000, endMs))).toEqual([want(endMs - 60_000, endMs)]);
});

test("a long stretch is asked for page by page, each before the one before, published in order", async () => {
  const published: number[] = [];
  const asked = await run({
    missing: () => Promise.resolve([want(0, 1_000)]),
    ask: (one) => Promise.resolve(page(one, Math.max(0, one.untilMs - 400))),
    publish: ({ sinceMs }) => {
      published.push(sinceMs);
      return Promise.resolve();
    },
  });
  expect(asked.map(({ untilMs }) => untilMs)).toEqual([1_000, 600, 200]);
  expect(published).toEqual([600, 200, 0]);
});

test("of a market and interval one request is under way at a time, of all at most four, of publishing one", async () => {
  let underWay = 0;
  let sending = 0;
  let most = 0;
  const keys = new Set<string>();
  const markets = ["KRW-A", "KRW-B", "KRW-C", "KRW-D", "KRW-E", "KRW-F"].map(market);
  const asked = await run({
    missing: () =>
      Promise.resolve(
        markets.flatMap((name) => [
          want(0, 10, { market: name }),
          want(20, 30, { market: name }),
        ]),
      ),
    ask: async (one) => {
      expect(keys.has(one.market)).toBe(false);
      keys.add(one.market);
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setTimeout(resolve, 5));
      underWay--;
      keys.delete(one.market);
      return page(one);
    },
    publish: async () => {
      expect(++sending).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      sending--;
    },
  });
  expect(asked).toHaveLength(12);
  expect(most).toBe(4);
});

test("PostgreSQL away delays; the next question is asked anew", async () => {
  let questions = 0;
  const asked = await run({
    missing: () => {
      if (++questions === 1) throw new Failure("away", "connection refused");
      return Promise.resolve([want(0, 1_000)]);
    },
  }, 2);
  expect(asked).toHaveLength(1);
});

test("while another process asks, nothing is asked", async () => {
  expect(await run({ missing: () => Promise.resolve(null) }, 3)).toEqual([]);
});

test("an unreadable answer is not asked for again at once, and holds up nothing else", async () => {
  const other = want(0, 1_000, { interval: "1m" });
  const asked = await run({
    missing: () => Promise.resolve([want(0, 1_000), other]),
    ask: (one) =>
      one.interval === "1s"
        ? Promise.reject(new Failure("answer_invalid", "garbage"))
        : Promise.resolve(page(one)),
  }, 3);
  expect(asked).toEqual([want(0, 1_000), other]);
});

test("our own mistakes are not swallowed", async () => {
  await expect(run({
    missing: () => Promise.resolve([want(0, 1_000)]),
    ask: () => Promise.reject(new TypeError("a bug")),
  })).rejects.toThrow("a bug");
});

test("what is to be compared is asked for every now and then while much is lost, in turn with a first fill, and without pause when nothing is missing", async () => {
  const of = (count: number, more: Partial<Want>) =>
    Array.from({ length: count }, (_, index) => want(index * 1_000, index * 1_000 + 1_000, more));
  const compared = of(5, { kind: "parity", market: market("KRW-ETH") });
  const order = async (...missing: Want[]) => {
    let steadyMs = 0;
    const asked = await run(
      {
        clock: { nowMs: () => 1e9, steadyMs: () => steadyMs },
        // a request every half second
        budget: {
          take: () => {
            steadyMs += 500;
            return Promise.resolve();
          },
        },
        missing: () => Promise.resolve(missing),
        uncompared: () => Promise.resolve(compared),
      },
      1,
      { requestsMax: 1, roundMs: 60_000 },
    );
    return asked.map(({ kind }) => kind[0]).join("");
  };
  // every fourth of them, which is every 2 s
  expect(await order(...of(12, {}))).toBe("pgggpgggpgggpgggp");
  const fills = of(4, { kind: "fill", interval: "1m" });
  expect(await order(...fills)).toBe("pfpfpfpfp");
  expect(await order(...of(4, { kind: "wish" }))).toBe("pwpwpwpwp");
  // what is lost comes first
  expect(await order(...of(5, { kind: "bucket", interval: "5m" }), ...fills)).toBe(
    "pbbbpbbpfpfpff",
  );
  expect(await order()).toBe("ppppp");
});
