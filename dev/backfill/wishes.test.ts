import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import { market } from "#core/market.ts";
import { type FreshDatabase, freshDatabase } from "../../sql/testing/fresh_database.ts";
import { writeAnswer } from "../../sql/testing/history.ts";
import { cancelWish, listedMarkets, lostForEver, makeWishes, readWishes } from "./wishes.ts";

let fresh: FreshDatabase;
let sql: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  sql = fresh.as("stofka_owner");
  await sql`INSERT INTO market SELECT m, m, m, '{}', now(), now(), CASE m WHEN 'KRW-OLD' THEN now() END
    FROM unnest('{KRW-BTC,KRW-ETH,KRW-OLD}'::text[]) m`;
});
afterAll(() => fresh.drop());

const day = (text: string): number => Date.parse(`${text}T00:00:00Z`);

test("a wish is one however often it is made, tells how far it is, and can be taken back", async () => {
  const markets = await listedMarkets(sql);
  expect(markets).toEqual(["KRW-BTC", "KRW-ETH"]);
  const make = () => makeWishes(sql, markets, "1d", day("2020-01-01"), day("2020-01-11"));
  const ids = await make();
  expect(await make()).toEqual(ids);
  await writeAnswer(sql, {
    market: "KRW-BTC",
    interval: "1d",
    since: "2020-01-07T00:00:00Z",
    until: "2020-01-20T00:00:00Z",
    rows: [],
  });
  const wishes = await readWishes(sql, ids);
  expect(wishes.map(({ market, done }) => [market, done])).toEqual([["KRW-BTC", 0.4], [
    "KRW-ETH",
    0,
  ]]);
  expect(wishes.map(lostForEver)).toEqual([null, null]);
  expect(await cancelWish(sql, ids[0]!)).toBe(true);
  expect(await cancelWish(sql, ids[0]!)).toBe(false);
  expect((await readWishes(sql)).map(({ market }) => market)).toEqual(["KRW-ETH"]);
});

test("what the exchange can no longer give is named as a permanent gap; the rest is still wished for", async () => {
  const wallMs = Date.now() - 89 * 86_400_000;
  const [id] = await makeWishes(
    sql,
    [market("KRW-BTC")],
    "1s",
    wallMs - 3_600_000,
    wallMs + 3_600_000,
  );
  const [wish] = await readWishes(sql, [id!]);
  expect(Math.abs(wish!.givenSinceMs - wallMs)).toBeLessThan(60_000);
  expect(lostForEver(wish!)).toContain(
    "permanent gap: the exchange gives seconds of three months only",
  );
  const [gone] = await readWishes(
    sql,
    await makeWishes(sql, [market("KRW-BTC")], "1s", day("2018-01-01"), day("2018-01-02")),
  );
  expect(gone!.givenUntilMs).toBe(gone!.givenSinceMs);
  expect(lostForEver(gone!)).toContain("2018-01-01T00:00:00Z to 2018-01-02T00:00:00Z");
});

test("exchange's rows never replace a complete fold", async () => {
  await sql`INSERT INTO market_candle (starts_at, last_tick_at, until, sequence, timeline, source, complete, deleted, interval,
      market, open, high, low, close, volume, turnover)
    VALUES ('2019-06-01+00', '2019-06-01+00', '2019-06-02+00', 1, 1, 'folded', true, false, '1d', 'KRW-BTC', 5, 5, 5, 5, 5, 5)`;
  await sql`UPDATE retention SET kept_since = '2026-01-01+00' WHERE relation = 'market_candle_4h'`;
  await writeAnswer(sql, {
    market: "KRW-BTC",
    interval: "1d",
    since: "2019-05-31T00:00:00Z",
    until: "2019-06-03T00:00:00Z",
    rows: [["2019-05-31T00:00:00Z", "7"], ["2019-06-01T00:00:00Z", "7"]],
  });
  await sql`SELECT rollup_round(now(), 1000)`;
  const rows =
    await sql`SELECT source::text, complete, close::text FROM market_candle WHERE interval = '1d'
    AND starts_at < '2019-07-01' ORDER BY starts_at`;
  expect([...rows]).toEqual([
    { source: "exchange", complete: true, close: "7" },
    { source: "folded", complete: true, close: "5" },
  ]);
});
