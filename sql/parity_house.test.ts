import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "./testing/database.ts";
import { clear, writeAnswer, writeMark } from "./testing/history.ts";

/** What is to be compared, in which order, and what the ledger forgets. */

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await clear(database.sql);
  await database.sql`DELETE FROM exchange_wish`;
  await database.sql`TRUNCATE parity_compared, parity_hour, parity_difference, parity_again`;
});

const BTC = "KRW-BTC";
const ETH = "KRW-ETH";
const at = (time: string, day = "2026-11-18"): string => `${day}T${time}Z`;

async function wanted(now: string, markets = [BTC, ETH]): Promise<(readonly string[])[]> {
  const rows = await database.sql`
    SELECT market, interval, iso_text(since) AS since, iso_text(until) AS until
    FROM parity_wanted(${now}::text::timestamptz, 100, ${markets}::text[])`;
  return rows.map((row) =>
    [row["market"], row["interval"], row["since"], row["until"]] as string[]
  );
}

const compared = (market: string, interval: string, since: string, until: string) =>
  database.sql`INSERT INTO parity_compared VALUES (${market}, ${interval},
    tstzmultirange(tstzrange(${since}::text::timestamptz, ${until}::text::timestamptz)))`;

const differs = (
  market: string,
  time: string,
  fetched: string,
  state = "open",
  day = "2026-11-18",
) =>
  database.sql`INSERT INTO parity_difference
    (starts_at, found_at, fetched_at, state, verdict, market, interval, reason, history)
    VALUES (${
    at(time, day)
  }::text::timestamptz, ${fetched}::text::timestamptz, ${fetched}::text::timestamptz,
      ${state}::text::parity_state, 'differ', ${market}, '1s', '', '[]')`;

test("seconds that the socket saw are compared three minutes at a time, the longest waiting first", async () => {
  await writeMark(database.sql, {
    session: "s",
    markets: [BTC, ETH],
    since: at("15:00:00"),
    until: at("15:10:00"),
  });
  expect(await wanted(at("15:03:00"))).toEqual([]);
  await compared(BTC, "1s", at("15:00:00"), at("15:04:00"));
  expect(await wanted(at("15:10:00"))).toEqual([
    [ETH, "1s", at("15:00:05"), at("15:09:30")],
    [BTC, "1s", at("15:04:00"), at("15:09:30")],
  ]);
  // a rest of a session that is over is not waited for
  await writeMark(database.sql, {
    session: "s",
    markets: [BTC, ETH],
    since: at("15:00:00"),
    until: at("15:05:00"),
    ended: true,
  });
  expect(await wanted(at("15:10:00"), [BTC])).toEqual([
    [BTC, "1s", at("15:04:00"), at("15:04:55")],
  ]);
});

test("what differs comes first, 10 s after the last answer; what was corrected or agreed does not come again", async () => {
  await writeMark(database.sql, {
    session: "s",
    markets: [BTC, ETH],
    since: at("15:00:00"),
    until: at("15:10:00"),
  });
  await differs(BTC, "15:01:00", at("15:09:55"));
  await differs(ETH, "15:01:00", at("15:09:00"));
  await differs(ETH, "15:02:00", at("15:09:00"), "corrected");
  await differs(ETH, "15:03:00", at("15:09:00"), "agreed");
  expect((await wanted(at("15:10:00"))).slice(0, 2)).toEqual([
    [ETH, "1s", at("15:01:00"), at("15:01:01")],
    [BTC, "1s", at("15:00:05"), at("15:09:30")],
  ]);
  expect((await wanted(at("15:10:05"))).slice(0, 2)).toEqual([
    [ETH, "1s", at("15:01:00"), at("15:01:01")],
    [BTC, "1s", at("15:01:00"), at("15:01:01")],
  ]);
});

test("who waits for a verdict gets one though the exchange answered before; a wish that was compared is fulfilled", async () => {
  await writeAnswer(database.sql, {
    market: BTC,
    interval: "1m",
    since: at("15:00:00"),
    until: at("15:10:00"),
    rows: [],
  });
  for (const reason of ["parity", "backfill"]) {
    await database.sql`INSERT INTO exchange_wish (market, interval, since, until, reason)
      VALUES (${BTC}, '1m', ${at("15:00:00")}, ${
      reason === "parity" ? at("15:10:00") : at("15:20:00")
    }, ${reason})`;
  }
  expect(await wanted(at("15:30:00"))).toEqual([[BTC, "1m", at("15:00:00"), at("15:10:00")]]);
  const wishes = async () =>
    (await database.sql`SELECT since, until FROM repair_wanted(${
      at("15:30:00")
    }::text::timestamptz, 1000, ${[BTC]}::text[])
      WHERE kind = 'wish'`).length;
  expect(await wishes()).toBe(1);
  await compared(BTC, "1m", at("15:00:00"), at("15:20:00"));
  expect(await wanted(at("15:30:00"))).toEqual([]);
  expect(await wishes()).toBe(0);
  const progress = await database.sql`
    SELECT reason, given_seconds::int AS given FROM wish_progress ORDER BY reason`;
  expect([...progress]).toEqual([{ reason: "backfill", given: 1_200 }, {
    reason: "parity",
    given: 600,
  }]);
});

test("the ledger keeps 35 days of counts, 400 of differences, and no more of them than it may", async () => {
  const { sql } = database;
  await sql`INSERT INTO parity_hour SELECT h, 1, 0, ${BTC}, '1s'
    FROM generate_series('2026-10-01 00:00+00'::timestamptz, '2026-11-18 00:00+00', interval '1 day') h`;
  await compared(BTC, "1s", "2026-10-01T00:00:00Z", at("00:00:00"));
  await differs(BTC, "12:00:00", at("12:01:00"), "corrected", "2025-10-01");
  for (const minute of ["01", "02", "03", "04"]) {
    await differs(BTC, `12:${minute}:00`, at("12:10:00"), "corrected");
  }
  await sql`SELECT parity_keep_house(${at("15:00:00")}::text::timestamptz, 3)`;
  const [hours] = await sql`SELECT count(*)::int AS hours, min(hour) AS since FROM parity_hour`;
  expect(hours).toEqual({ hours: 36, since: new Date("2026-10-14T00:00:00Z") });
  const [ranges] = await sql`SELECT lower(compared) AS since FROM parity_compared`;
  expect(ranges!["since"]).toEqual(new Date("2026-10-14T00:00:00Z"));
  const kept = await sql`SELECT iso_text(starts_at) AS at FROM parity_difference ORDER BY 1`;
  expect(kept.map((row) => row["at"])).toEqual([at("12:02:00"), at("12:03:00"), at("12:04:00")]);
});
