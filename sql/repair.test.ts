import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "./testing/database.ts";
import { clear, drainAt, writeAnswer, writeMark } from "./testing/history.ts";

/** What is missing, as a query: composition, urgency, and that what is known is not asked for. */

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await clear(database.sql);
  await database.sql`DELETE FROM exchange_wish`;
});

const BTC = "KRW-BTC";
const at = (time: string, day = "2026-11-18"): string => `${day}T${time}Z`;

interface Wanted {
  readonly urgency: number;
  readonly kind: string;
  readonly market: string;
  readonly interval: string;
  readonly since: string;
  readonly until: string;
}

async function wanted(now: string, markets: readonly string[] = [BTC]): Promise<Wanted[]> {
  const rows = await database.sql`
    SELECT * FROM repair_wanted(${now}::text::timestamptz, 1000, ${[...markets]}::text[])`;
  return rows.map((row) => ({
    urgency: row["urgency"] as number,
    kind: row["kind"] as string,
    market: row["market"] as string,
    interval: row["interval"] as string,
    since: (row["since"] as Date).toISOString().replace(".000Z", "Z"),
    until: (row["until"] as Date).toISOString().replace(".000Z", "Z"),
  }));
}

const session = (
  since: string,
  until: string,
  more: { ended?: boolean; session?: string; markets?: string[] } = {},
) =>
  writeMark(database.sql, {
    session: more.session ?? `from ${since}`,
    markets: more.markets ?? [BTC],
    since,
    until,
    ended: more.ended ?? false,
  });

const answered = (
  interval: Parameters<typeof writeAnswer>[1]["interval"],
  since: string,
  until: string,
) => writeAnswer(database.sql, { market: BTC, interval, since, until, rows: [] });

/** Answers that begin in 2017: the screens of all intervals are filled up to a time of the first day. */
async function filled(until: string): Promise<void> {
  for (const interval of ["1s", "1m"] as const) {
    await answered(interval, "2017-09-01T00:00:00Z", until);
  }
}

describe("started at 15:20 of a Wednesday", () => {
  beforeEach(() => session(at("15:20:02"), at("15:21:05")));

  test("each interval is asked for what the shorter ones do not make, by one request each", async () => {
    const list = (await wanted(at("15:21:06"))).filter(({ urgency }) => urgency === 20);
    expect(list.map(({ interval, since, until }) => [interval, since, until])).toEqual([
      ["1mo", "2017-09-01T00:00:00Z", "2026-06-01T00:00:00Z"],
      ["1w", "2023-01-16T00:00:00Z", "2026-05-04T00:00:00Z"],
      ["1d", "2026-05-02T00:00:00Z", "2026-10-17T00:00:00Z"],
      ["4h", "2026-10-16T04:00:00Z", "2026-11-10T08:00:00Z"],
      ["1h", "2026-11-10T07:00:00Z", "2026-11-14T11:00:00Z"],
      ["30m", "2026-11-14T11:00:00Z", "2026-11-16T13:30:00Z"],
      ["15m", "2026-11-16T13:15:00Z", "2026-11-17T22:45:00Z"],
      ["10m", "2026-11-17T06:00:00Z", "2026-11-17T22:40:00Z"],
      ["5m", "2026-11-17T22:40:00Z", "2026-11-18T12:05:00Z"],
      ["3m", "2026-11-18T05:21:00Z", "2026-11-18T12:03:00Z"],
      ["1m", "2026-11-18T12:01:00Z", "2026-11-18T15:20:00Z"],
    ]);
  });

  test("the rest of the first minute comes first, the first day's seconds last", async () => {
    const list = await wanted(at("15:21:06"));
    expect(list[0]).toMatchObject({
      urgency: 10,
      kind: "gap",
      interval: "1s",
      since: at("15:20:00"),
      until: at("15:20:07"),
    });
    expect(list.at(-1)).toMatchObject({
      urgency: 55,
      kind: "fill",
      interval: "1s",
      since: at("00:00:00"),
      until: at("15:20:00"),
    });
  });

  test("what is answered is not asked for, whether the drain has taken it in or not", async () => {
    await answered("4h", "2026-10-16T04:00:00Z", "2026-11-10T08:00:00Z");
    const intervals = async (): Promise<string[]> =>
      (await wanted(at("15:21:06"))).map(({ interval }) => interval);
    expect(await intervals()).not.toContain("4h");
    await drainAt(database.sql, at("15:21:06"));
    expect(await intervals()).not.toContain("4h");
    expect(await intervals()).toContain("1h");
  });

  test("markets in the order given, the first ten with all their screens before the others' ", async () => {
    const markets = Array.from({ length: 12 }, (_, index) => `KRW-A${String(99 - index)}`);
    await session(at("15:20:02"), at("15:21:05"), { session: "many", markets });
    const list = await wanted(at("15:21:06"), markets);
    expect([...new Set(list.map(({ market }) => market))]).toEqual(markets);
    const late = list.filter(({ urgency }) => urgency === 40).map(({ market }) => market);
    expect([...new Set(late)]).toEqual(markets.slice(10));
  });
});

describe("a break", () => {
  test("of seconds is asked for once, as seconds, 5 s more at each end", async () => {
    await filled(at("15:20:00"));
    await session(at("15:20:00"), at("15:30:00"), { ended: true });
    await answered("1s", at("15:20:00"), at("15:20:10"));
    await session(at("15:30:20"), at("15:40:00"));
    expect(await wanted(at("15:40:01"))).toEqual([{
      urgency: 10,
      kind: "gap",
      market: BTC,
      interval: "1s",
      since: at("15:29:55"),
      until: at("15:30:25"),
    }]);
  });

  test("counts the running session's begin too: what would be a gap at its end is one now", async () => {
    await filled(at("15:20:00"));
    await session(at("15:20:00"), at("15:40:00"));
    expect((await wanted(at("15:40:01"))).map(({ since, until }) => [since, until])).toEqual([
      [at("15:20:00"), at("15:20:05")],
    ]);
  });

  test("what came less than 15 s ago is not yet missing", async () => {
    await filled(at("15:20:00"));
    await session(at("15:19:50"), at("15:39:50"));
    expect(await wanted(at("15:40:00"))).toEqual([]);
    expect(await wanted(at("15:41:00"))).toMatchObject([{
      since: at("15:39:45"),
      until: at("15:40:45"),
    }]);
  });

  test("of a night is asked for in minutes and what one request of a longer interval makes whole, then in seconds", async () => {
    await filled(at("20:00:00"));
    await session(at("19:59:00"), at("20:30:00"), { ended: true });
    const now = at("06:30:00", "2026-11-19");
    await session(at("06:00:00", "2026-11-19"), now);
    const list = await wanted(now);
    expect(list.map(({ urgency, kind, interval }) => [urgency, kind, interval])).toEqual([
      [20, "bucket", "5m"],
      [20, "bucket", "3m"],
      [45, "bucket", "1m"],
      [50, "gap", "1s"],
    ]);
  });

  test("a hole in what a session saw is a gap, unless an answer fills it", async () => {
    await filled(at("15:20:00"));
    await session(at("15:19:00"), at("15:40:00"));
    await database.sql`INSERT INTO coverage_hole (market, since, until, cause)
      VALUES (${BTC}, ${at("15:30:00")}, ${at("15:30:07")}, 'refused')`;
    expect(await wanted(at("15:40:01"))).toMatchObject([{
      since: at("15:30:00"),
      until: at("15:30:07"),
    }]);
    await answered("1s", at("15:29:00"), at("15:31:00"));
    expect(await wanted(at("15:40:01"))).toEqual([]);
  });
});

describe("what cannot be had", () => {
  test("seconds before retention or three months are not asked for, their minutes are", async () => {
    await filled("2026-05-01T00:00:00Z");
    await session("2026-04-30T23:00:00Z", "2026-05-01T01:00:00Z", { ended: true });
    await database
      .sql`UPDATE retention SET kept_since = '2026-11-18 15:00:00+00' WHERE relation = 'market_candle_1s'`;
    await session(at("15:00:00"), at("15:40:00"));
    const list = await wanted(at("15:40:01"));
    expect(list.filter(({ interval }) => interval === "1s").map(({ since }) => since))
      .toEqual([at("15:00:00")]);
    expect(list.map(({ interval }) => interval)).toContain("1m");
    await database
      .sql`UPDATE retention SET kept_since = '-infinity' WHERE relation = 'market_candle_1s'`;
    const oldest = (await wanted(at("15:40:01"))).filter(({ interval }) => interval === "1s")
      .map(({ since }) => since).sort()[0];
    expect(oldest).toBe("2026-08-21T15:40:01Z");
  });
});

describe("a wish", () => {
  test("is the exchange's own words: what we saw ourselves does not fulfil it, an answer of its interval does", async () => {
    await filled(at("15:20:00"));
    await session(at("15:19:00"), at("15:40:00"));
    await database.sql`INSERT INTO exchange_wish (market, interval, since, until)
      VALUES (${BTC}, '1h', ${at("12:30:00")}, ${at("20:00:00")})`;
    const hours = async () =>
      (await wanted(at("15:40:01"))).map(({ kind, since, until }) => [kind, since, until]);
    expect(await hours()).toEqual([["wish", at("12:00:00"), at("15:00:00")]]);
    await answered("1h", at("13:00:00"), at("15:00:00"));
    expect(await hours()).toEqual([["wish", at("12:00:00"), at("13:00:00")]]);
    const [progress] = await database.sql`SELECT round(done, 3)::float8 AS done FROM wish_progress`;
    expect(progress!["done"]).toBe(0.267);
    await answered("1h", at("12:00:00"), at("13:00:00"));
    expect(await hours()).toEqual([]);
  });
});

test("progress tells each kind, also when nothing is missing", async () => {
  const rows = await database
    .sql`SELECT kind, markets, requests::int FROM repair_progress ORDER BY kind`;
  expect(rows.map(({ kind }) => kind)).toEqual(["bucket", "fill", "gap", "wish"]);
  expect(rows.every(({ markets }) => markets === 0)).toBe(true);
});
