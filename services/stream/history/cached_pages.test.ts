import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { INTERVALS } from "#core/interval.ts";
import { until } from "../../../tests/until.ts";
import { BTC, HistoryWorld } from "../testing/history_world.ts";

let world: HistoryWorld;

beforeAll(async () => {
  world = await HistoryWorld.start();
});
afterAll(() => world.stop());
beforeEach(() => world.clear());

describe("newest pages come from Redis and equal PostgreSQL's", () => {
  test("every interval, cold and cached, before and after each step of the way", async () => {
    world.nowMs = world.startMs + 5_000;
    await world.trade({ at: 0 }, { at: 3, price: "101" });
    await world.roll();
    const compare = async (answers: readonly unknown[]) => {
      for (const interval of INTERVALS) {
        expect(await world.page(interval), interval).toEqual(await world.truePage(interval));
      }
      expect(new Set(world.answers.splice(0))).toEqual(new Set(answers));
    };
    // nothing is stored above seconds yet
    await compare(["cold"]);
    world.nowMs = world.startMs + 95_000;
    await world.trade({ at: 62, price: "99" });
    await world.roll();
    await compare(["cold", null]);
    await compare([null]);
    await world.trade({ at: 93, price: "98.00000000000000000001" });
    await compare([null]);
    await world.trade({ at: 93, price: "97", tickMs: 900 }, { at: 94, volume: "12345678.9" });
    await compare([null]);
    world.nowMs = world.startMs + 155_000;
    await world.storeMark().then((tell) => tell());
    await world.roll();
    await compare([null]);
    // a late second changes stored rows
    await world.trade({ at: 60, price: "1" });
    await world.roll();
    await compare([null]);
    expect(world.fills.every(Boolean)).toBe(true);
  });
});

/** Two minutes of trades, folded, in both stores; every interval asked once. */
async function filled(): Promise<void> {
  world.nowMs = world.startMs + 95_000;
  await world.trade({ at: 0 }, { at: 3, price: "101" }, { at: 62, price: "99" });
  await world.roll();
  for (const interval of INTERVALS) await world.page(interval);
  world.answers.length = 0;
  world.fills.length = 0;
}

async function expectTrue(answers: readonly unknown[]): Promise<void> {
  for (const interval of INTERVALS) {
    expect(await world.page(interval), interval).toEqual(await world.truePage(interval));
  }
  expect(new Set(world.answers.splice(0))).toEqual(new Set(answers));
}

describe("a fill never brings back what an update has replaced", () => {
  test.each([["1h", 95], ["1s", 62]] as const)("%s", async (interval, at) => {
    await filled();
    await world.flush();
    (await world.storeMark())();
    await world.relay().then((tell) => tell());
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    // the database answers, and before the answer is written an update comes
    const slow = new Proxy(world.database(), {
      apply: (target, self, args: [TemplateStringsArray, ...unknown[]]) => {
        const query = Reflect.apply(target, self, args);
        if (!Array.isArray(args[0]) || !args[0].join("").includes("FROM feed")) return query;
        return (async () => {
          const rows = await query;
          world.nowMs += 1_000;
          await world.trade({ at, price: "7" });
          world.nowMs += 60_000;
          await world.trade({ at: at + 60, price: "8" });
          await world.roll();
          return rows;
        })();
      },
    });
    await world.page(interval, 200, world.newHistory(slow));
    expect(world.fills).toEqual(interval === "1s" ? [false] : [false, false]);
    await expectTrue(["cold"]);
  });
});

describe("without what was in Redis", () => {
  test("after FLUSHALL one live write makes no range, and answers are right at every step", async () => {
    await filled();
    await world.flush();
    await expectTrue(["no_feed"]);
    (await world.storeSeconds({ at: 94, price: "55" }))();
    await world.idle();
    await expectTrue(["no_feed"]);
    (await world.storeMark())();
    (await world.relay())();
    await world.idle();
    expect(await world.inspect.exists(world.keys.range("1s", BTC))).toBe(0);
    await until(
      "the relay's position is back",
      3_000,
      async () => await world.inspect.exists(world.keys.relayed) === 1,
    );
    await expectTrue(["cold"]);
    await expectTrue([null]);
  });

  test("what was written while Redis was away ends every range on its return", async () => {
    await filled();
    world.proxy.cut();
    (await world.storeSeconds({ at: 93, price: "55" }, { at: 3, price: "77", tickMs: 950 }))();
    (await world.storeMark())();
    await world.drain();
    (await world.relay())();
    await expectTrue(["away"]);
    world.proxy.mend();
    await until(
      "persist is back",
      5_000,
      async () => await world.inspect.exists(world.keys.relayed) === 1,
    );
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    (await world.storeMark())();
    await world.idle();
    await expectTrue(["cold"]);
    await expectTrue([null]);
  });

  test("a persist that died before it wrote ends every range by its successor", async () => {
    await filled();
    await world.storeSeconds({ at: 93, price: "55" }, { at: 3, price: "77", tickMs: 950 });
    await world.drain();
    await world.relay();
    await world.restartPersist();
    await world.trade({ at: 94 });
    await world.roll();
    await expectTrue(["cold"]);
    await expectTrue([null]);
  });

  test("a roll-up that the relay sent and did not write here ends ranges, whoever relays next", async () => {
    await filled();
    await world.trade({ at: 3, price: "77", tickMs: 950 });
    await world.drain();
    await world.relay();
    await world.trade({ at: 3, price: "78", tickMs: 951 });
    await world.roll();
    await expectTrue(["cold", null]);
  });
});

test("an older revision that comes late replaces nothing, and a new one counts", async () => {
  await filled();
  const [older, newest] = [
    await world.storeSeconds({ at: 62, price: "70", tickMs: 901 }),
    await world.storeSeconds({ at: 62, price: "71", tickMs: 902 }),
  ];
  newest();
  older();
  await world.idle();
  const read = await world.page("1s");
  expect(read.columns.close.at(-1)).toBe("71");
  expect((await world.page("1h")).columns.close.at(-1)).toBe("71");
  // told out of order, as only a dead instance's late write is, one of the two is not counted
  expect([Number(read.columns.revisions.at(-1)), world.answers.at(-1)]).toEqual([1, null]);
});

test("what PostgreSQL has shown, Redis does not show older", async () => {
  await filled();
  const tell = await world.storeSeconds({ at: 94, price: "55" });
  // a page by PostgreSQL alone, as of a request that came when Redis was away
  await world.page("1s", 2_000);
  const newest = async () => (await world.page("1s")).columns.close.at(-1);
  world.answers.length = 0;
  expect(await newest()).toBe("99");
  await world.page("1h", 300);
  await world.history.page({ market: BTC, interval: "1s", toMs: world.nowMs + 9_000, count: 5 });
  expect(await newest()).toBe("55");
  expect((await world.page("1h")).columns.close.at(-1)).toBe("55");
  expect(world.answers.splice(0)).toContain("behind");
  tell();
  await world.idle();
  expect(await newest()).toBe("55");
  expect(world.answers).toEqual([null]);
});

test("1,000 simultaneous requests for a cold range are one question to PostgreSQL", async () => {
  await filled();
  let asked = 0;
  const counting = new Proxy(world.database(), {
    apply: (target, self, args: [TemplateStringsArray, ...unknown[]]) => {
      if (Array.isArray(args[0]) && args[0].join("").includes("FROM feed")) asked++;
      return Reflect.apply(target, self, args);
    },
  });
  await world.inspect.del(world.keys.range("1h", BTC), world.keys.range("1s", BTC));
  const history = world.newHistory(counting);
  const pages = await Promise.all(
    Array.from({ length: 1_000 }, () => world.page("1h", 200, history)),
  );
  expect(asked).toBe(1);
  expect(new Set(pages.map((page) => JSON.stringify(page))).size).toBe(1);
  expect(world.fills).toEqual([true, true]);
});
