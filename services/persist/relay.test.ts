import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import { decodePostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { partitionOf } from "#core/partition.ts";
import { newer } from "#core/revision.ts";
import { freshNamespace } from "../../tests/servers.ts";
import { type TestDatabase, testDatabase } from "../../sql/testing/database.ts";
import { clear, drainAt, makeDays, writeSeconds } from "../../sql/testing/history.ts";
import { relayOnce } from "./relay.ts";

let database: TestDatabase;
const namespace = freshNamespace();
const { signal } = new AbortController();

beforeAll(async () => {
  database = await testDatabase();
  await makeDays(database.sql, ["2024-05-21"]);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await clear(database.sql);
  await database.sql`UPDATE relay_cursor SET timeline = 0, sequence = 0`;
});

/** A relay whose broker does as it is told. */
function relayTo(send: (records: readonly ProducerRecord[]) => Promise<void>): Promise<number> {
  return relayOnce({
    database: database.sql,
    producer: { send },
    namespace,
    chance: () => 0,
    onSent: () => {},
    onAway: () => {},
  }, signal);
}

async function trade(second: number, market = "KRW-BTC"): Promise<void> {
  const at = `2024-05-21T10:00:${String(second).padStart(2, "0")}Z`;
  await writeSeconds(database.sql, [{ market, at, price: "100.5", volume: "0.00000001" }]);
  await drainAt(database.sql, "2024-05-22T00:00:00Z");
}

test("every row goes out in the order of its revision, to the partition of its market, as it is stored", async () => {
  await trade(1);
  await trade(2, "KRW-ETH");
  const sent: ProducerRecord[] = [];
  expect(await relayTo((records) => Promise.resolve(void sent.push(...records)))).toBe(22);
  const events = sent.map(({ value }) => decodePostgresCandleEvent(value as string));
  expect(events.every((event, at) => at === 0 || newer(event.revision, events[at - 1]!.revision)))
    .toBe(true);
  expect(
    sent.every(({ key, partition }, at) =>
      key === events[at]!.market && partition === partitionOf(events[at]!.market)
    ),
  )
    .toBe(true);
  expect(new Set(events.map(({ interval }) => interval)).size).toBe(11);
  expect(events[0]).toMatchObject({
    market: "KRW-BTC",
    interval: "1m",
    startsAtMs: Date.UTC(2024, 4, 21, 10),
    untilMs: Date.UTC(2024, 4, 21, 10, 1),
    closed: true,
    complete: false,
    deleted: false,
    source: "folded",
    open: "100.5",
    volume: "0.00000001",
    turnover: "100.5",
  });
  expect(events.find(({ interval }) => interval === "1mo")).toMatchObject({ closed: false });
  expect(await relayTo(() => Promise.reject(new Error("nothing is left to send")))).toBe(0);
});

test("the cursor moves only with the acknowledgement, so that what was not acknowledged goes out again", async () => {
  await trade(1);
  await expect(relayTo(() => Promise.reject(new Error("the broker died")))).rejects.toThrow("died");
  await trade(2);
  const sent: ProducerRecord[] = [];
  await relayTo((records) => Promise.resolve(void sent.push(...records)));
  // conflated: each row once, in its newest revision
  expect(sent.map(({ value }) => decodePostgresCandleEvent(value as string).volume)).toEqual(
    Array(11).fill("0.00000002"),
  );
});

test("of two instances one relays, and the other sends nothing meanwhile", async () => {
  await trade(1);
  let others = -1;
  const sent = await relayTo(async () => {
    others = await relayTo(() => Promise.reject(new Error("both at once")));
  });
  expect([sent, others]).toEqual([11, 0]);
});
