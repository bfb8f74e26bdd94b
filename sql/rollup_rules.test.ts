import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Interval } from "#core/interval.ts";
import { type TestDatabase, testDatabase } from "./testing/database.ts";
import {
  clear,
  drainAt,
  makeDays,
  readRollups,
  type StoredRollup,
  type TestSecond,
  writeAnswer,
  writeMark,
  writeSeconds,
} from "./testing/history.ts";
import { recomputed, rollupLines } from "./testing/recomputed.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await makeDays(database.sql, ["2024-05-20", "2024-05-21", "2024-05-22"]);
});
afterAll(() => database.drop());
beforeEach(() => clear(database.sql));

const BTC = "KRW-BTC";
const ETH = "KRW-ETH";
const DAY = "2024-05-21";

const at = (time: string): string => `${DAY}T${time}Z`;
const second = (time: string, price = "100", market = BTC): TestSecond => ({
  market,
  at: at(time),
  price,
});
const mark = (
  until: string,
  more: { since?: string; ended?: boolean; session?: string; markets?: string[] } = {},
) =>
  writeMark(database.sql, {
    session: more.session ?? "first",
    markets: more.markets ?? [BTC, ETH],
    since: more.since ?? at("00:00:00"),
    until: at(until),
    ended: more.ended ?? false,
  });
const round = (time: string, oldMax = 2_000) =>
  database.sql`SELECT * FROM rollup_round(${at(time)}::text::timestamptz, ${oldMax})`;

async function candle(
  interval: Interval,
  time: string,
  market = BTC,
): Promise<StoredRollup | undefined> {
  const rows = await readRollups(database.sql, interval);
  return rows.find((row) => row.at === at(time) && row.market === market);
}

describe("a minute", () => {
  test("appears when coverage has passed its end by a second, with its last second in it", async () => {
    await writeSeconds(database.sql, [second("10:00:00"), second("10:00:59", "120")]);
    await mark("10:01:00.9");
    await round("10:01:01.4");
    expect(await candle("1m", "10:00:00")).toBeUndefined();
    await mark("10:01:01");
    await round("10:01:01.5");
    expect(await candle("1m", "10:00:00"))
      .toMatchObject({
        close: "120",
        volume: "2",
        complete: true,
        until: at("10:01:00"),
        source: "folded",
      });
  });

  test("appears incomplete 30 s after its end where coverage is missing, each market for itself", async () => {
    await writeSeconds(database.sql, [second("10:00:10"), second("10:00:10", "7", ETH)]);
    await mark("10:01:20", { markets: [ETH] });
    await round("10:01:21");
    expect(await candle("1m", "10:00:00")).toBeUndefined();
    expect(await candle("1m", "10:00:00", ETH)).toMatchObject({ complete: true });
    await round("10:01:29.9");
    expect(await candle("1m", "10:00:00")).toBeUndefined();
    await round("10:01:30");
    expect(await candle("1m", "10:00:00")).toMatchObject({ complete: false, volume: "1" });
  });

  test("of a market that is behind is folded though others are ahead of it", async () => {
    await writeSeconds(database.sql, [second("10:30:00", "7", ETH)]);
    await round("10:45:00");
    await writeSeconds(database.sql, [second("10:00:10")]);
    await round("10:45:01");
    expect(await candle("1m", "10:00:00")).toMatchObject({ volume: "1" });
    expect(await candle("1h", "10:00:00")).toMatchObject({ volume: "1", until: at("10:30:00") });
  });

  test("is not frozen by its first second, and a second sent again does not count twice", async () => {
    await writeSeconds(database.sql, [second("10:00:10")]);
    await round("10:02:00");
    await writeSeconds(database.sql, [
      { ...second("10:00:10", "90"), revision: 1, volume: "0.25" },
      second("10:00:11"),
    ]);
    await writeSeconds(database.sql, [{
      ...second("10:00:10", "90"),
      revision: 1,
      volume: "0.25",
    }]);
    await round("10:02:01");
    expect(await candle("1m", "10:00:00")).toMatchObject({ open: "90", low: "90", volume: "1.25" });
    expect(await candle("1d", "00:00:00")).toMatchObject({ open: "90", volume: "1.25" });
  });

  test("whose seconds were all taken back becomes a tombstone, and so does what is around it", async () => {
    await writeSeconds(database.sql, [second("10:00:10")]);
    await drainAt(database.sql, at("10:02:00"));
    const before = await candle("1m", "10:00:00");
    await writeSeconds(database.sql, [{ ...second("10:00:10"), revision: 1, deleted: true }]);
    await drainAt(database.sql, at("10:02:01"));
    const rows = await readRollups(database.sql);
    expect(rows.map(({ deleted }) => deleted)).toEqual(Array(11).fill(true));
    expect((await candle("1m", "10:00:00"))!.sequence).toBeGreaterThan(before!.sequence);
    await writeSeconds(database.sql, [{ ...second("10:00:10"), revision: 2 }]);
    await drainAt(database.sql, at("10:02:02"));
    expect((await readRollups(database.sql)).some(({ deleted }) => deleted)).toBe(false);
  });
});

describe("a forming bucket", () => {
  test("moves on with each minute and says until when, and is closed at its end though nothing trades", async () => {
    await writeSeconds(database.sql, [second("10:00:10")]);
    await mark("10:01:01");
    await round("10:01:01.2");
    expect(await candle("3m", "10:00:00")).toMatchObject({
      until: at("10:01:00"),
      complete: true,
      volume: "1",
    });
    expect(await candle("1mo", "00:00:00")).toBeUndefined();
    expect((await readRollups(database.sql, "1mo"))[0]).toMatchObject({
      until: at("10:01:00"),
      complete: false,
    });
    await writeSeconds(database.sql, [second("10:01:50", "130")]);
    await mark("10:02:01");
    await round("10:02:01.2");
    expect(await candle("3m", "10:00:00")).toMatchObject({
      until: at("10:02:00"),
      high: "130",
      volume: "2",
    });
    await mark("10:03:00.9");
    await round("10:03:01");
    expect(await candle("3m", "10:00:00")).toMatchObject({ until: at("10:02:00") });
    await mark("10:03:01");
    await round("10:03:01.2");
    expect(await candle("3m", "10:00:00")).toMatchObject({
      until: at("10:03:00"),
      complete: true,
      volume: "2",
    });
  });

  test("changes nothing and draws no revision when nothing changed", async () => {
    await writeSeconds(database.sql, [second("10:00:10")]);
    await drainAt(database.sql, at("10:02:00"));
    const before = await readRollups(database.sql);
    await database.sql`INSERT INTO candle_dirty VALUES (${
      at("10:00:00")
    }::text::timestamptz, ${BTC}, '1m')`;
    await drainAt(database.sql, at("10:02:01"));
    expect(await readRollups(database.sql)).toEqual(before);
  });

  test("waits while a closed minute in it is dirty, so that until never promises too much", async () => {
    const minutes = ["10:00", "10:01", "10:02", "10:03"];
    await writeSeconds(database.sql, minutes.map((minute) => second(`${minute}:30`)));
    // one old bucket a round, newest first
    for (let rounds = 1; rounds <= 3; rounds++) {
      await round("10:20:00", 1);
      expect(await candle("1h", "10:00:00")).toBeUndefined();
    }
    await drainAt(database.sql, at("10:20:00"), 1);
    expect(await candle("1h", "10:00:00")).toMatchObject({ volume: "4", until: at("10:15:00") });
  });

  test("equals, with the seconds from its until on, all that is stored, at any moment", async () => {
    for (let minute = 0; minute < 7; minute++) {
      await writeSeconds(database.sql, [second(`10:0${minute}:05`), second(`10:0${minute}:55`)]);
      await mark(`10:0${minute}:57`);
      for (const time of [`10:0${minute}:58`, `10:0${minute + 1}:00.5`]) {
        await round(time);
        for (const interval of ["1m", "3m", "5m", "1h", "1d", "1mo"] as const) {
          const [row] = await database.sql`
            WITH newest AS (
              SELECT until, volume FROM market_candle WHERE interval = ${interval} AND market = ${BTC}
              ORDER BY starts_at DESC LIMIT 1
            )
            SELECT (SELECT sum(volume) FROM market_candle WHERE interval = ${interval})
              IS NOT DISTINCT FROM (SELECT sum(volume) FROM market_candle_1s WHERE starts_at < (SELECT until FROM newest)) AS same`;
          expect(row!["same"]).toBe(true);
        }
      }
      await mark(`10:0${minute + 1}:01`);
      await round(`10:0${minute + 1}:01`);
    }
  });
});

test("an hour of arrears never starves the minute that has just ended", async () => {
  const old = Array.from(
    { length: 55 },
    (_, minute) => second(`09:${String(minute).padStart(2, "0")}:10`),
  );
  await writeSeconds(database.sql, old);
  await writeSeconds(database.sql, [second("10:00:10", "7", ETH)]);
  await mark("10:01:01");
  const [first] = await round("10:01:01.1", 5);
  expect(first).toMatchObject({ more: true });
  expect(await candle("1m", "10:00:00", ETH)).toMatchObject({ complete: true });
  expect(
    (await readRollups(database.sql, "1m")).filter(({ market }) => market === BTC).map((row) =>
      row.at
    ),
  )
    .toEqual(["50", "51", "52", "53", "54"].map((minute) => at(`09:${minute}:00`)));
  await drainAt(database.sql, at("10:01:01.1"), 5);
  expect(await candle("1h", "09:00:00")).toMatchObject({ volume: "55" });
});

test(
  "nor does it where pg_cron stood still for that hour, and more is dirty than a round takes",
  async () => {
    const minutes = Array.from({ length: 60 }, (_, minute) => String(minute).padStart(2, "0"));
    const hour = [BTC, ETH].flatMap((market) =>
      minutes.map((minute, n) => second(`09:${minute}:10`, `${n + 1}`, market))
    );
    await writeSeconds(database.sql, hour);
    // each second of four hundred markets wrote such a row: 1.4 million in an hour
    await database.sql`
    INSERT INTO candle_dirty
    SELECT ${at("09:00:00")}::text::timestamptz + (n % 60) * interval '1 minute', ${BTC}, '1m'
    FROM generate_series(1, 250000) n`;
    for (const minute of ["00", "01"]) {
      await writeSeconds(database.sql, [BTC, ETH].map((m) => second(`10:${minute}:10`, "7", m)));
      await mark(`10:${minute === "00" ? "01" : "02"}:01`);
      const [first] = await round(`10:${minute === "00" ? "01" : "02"}:01.1`, 5);
      expect(first).toMatchObject({ more: true });
      for (const market of [BTC, ETH]) {
        expect(await candle("1m", `10:${minute}:00`, market), `${market} ${minute}`)
          .toMatchObject({ complete: true, close: "7" });
      }
      // the hour is still being worked off
      expect((await readRollups(database.sql, "1m")).length).toBeLessThan(60);
    }
    await drainAt(database.sql, at("10:02:01.1"), 30);
    const closed = rollupLines(await readRollups(database.sql)).filter((line) =>
      line.startsWith("1h") && line.includes("T09")
    );
    expect(closed).toEqual(
      recomputed(hour).filter((line) => line.startsWith("1h")).map((line) =>
        line.replace("false", "true")
      ),
    );
    // the buckets that form: all of it, and until where
    for (const market of [BTC, ETH]) {
      expect(await candle("1d", "00:00:00", market)).toMatchObject({
        volume: "62",
        close: "7",
        until: at("10:02:00"),
      });
    }
  },
);

describe("completeness", () => {
  test("of a day that we joined at 15:20 comes together from answers of several lengths and what we saw", async () => {
    const { sql } = database;
    await writeSeconds(sql, [second("15:21:00"), second("16:30:00")]);
    await mark("23:59:59", { since: at("15:20:00.4") });
    await drainAt(sql, "2024-05-22T00:00:05Z");
    expect(await candle("1d", "00:00:00")).toMatchObject({ complete: false, volume: "2" });
    const answer = (interval: Interval, since: string, until: string, rows: [string, string][]) =>
      writeAnswer(sql, {
        market: BTC,
        interval,
        since: at(since),
        until: at(until),
        rows: rows.map(([time, price]) => [at(time), price] as const),
      });
    await answer("4h", "00:00:00", "12:00:00", [["00:00:00", "50"], ["08:00:00", "60"]]);
    await answer("1h", "12:00:00", "15:20:00", [["14:00:00", "70"], ["15:00:00", "75"]]);
    await answer("15m", "15:00:00", "15:20:00", []);
    await mark("23:59:59.5", { since: at("15:20:00.4"), ended: false });
    await answer("1m", "15:15:00", "15:21:00", [["15:20:00", "80"]]);
    await writeMark(sql, {
      session: "first",
      markets: [BTC, ETH],
      since: at("15:20:00.4"),
      until: "2024-05-22T00:00:02Z",
    });
    await drainAt(sql, "2024-05-22T00:00:05Z");
    expect(await candle("4h", "00:00:00")).toMatchObject({ source: "exchange", complete: true });
    // the hour's own row, cut at 15:20, is not used: 15m and 1m answers and what we saw make it whole
    expect(await candle("1h", "15:00:00")).toMatchObject({
      source: "folded",
      complete: true,
      volume: "2",
      open: "80",
    });
    expect(await candle("1d", "00:00:00"))
      .toMatchObject({ source: "folded", complete: true, open: "50", low: "50", volume: "6" });
  });

  test("is not made of half a bucket that an answer reached: its row is not the bucket's", async () => {
    const { sql } = database;
    await writeSeconds(sql, [second("15:21:00")]);
    await mark("16:00:02", { since: at("15:19:59") });
    await writeAnswer(sql, {
      market: BTC,
      interval: "15m",
      since: at("15:00:00"),
      until: at("15:20:00"),
      rows: [[at("15:00:00"), "50"], [at("15:15:00"), "60"]],
    });
    await drainAt(sql, at("16:00:03"));
    expect(await candle("15m", "15:00:00")).toMatchObject({ source: "exchange", complete: true });
    expect(await candle("15m", "15:15:00")).toMatchObject({ source: "folded", complete: false });
    expect(await candle("1h", "15:00:00")).toMatchObject({ complete: false, volume: "2" });
  });

  test("of a session that ended is 5 s less at each end, also for what was folded before it ended", async () => {
    await writeSeconds(database.sql, [second("10:00:30"), second("10:01:30")]);
    await mark("10:02:03", { since: at("10:00:00") });
    await round("10:02:03.1");
    expect((await readRollups(database.sql, "1m")).map(({ complete }) => complete)).toEqual([
      true,
      true,
    ]);
    await mark("10:02:03", { since: at("10:00:00"), ended: true });
    await round("10:02:04");
    expect((await readRollups(database.sql, "1m")).map(({ complete }) => complete)).toEqual([
      false,
      false,
    ]);
    await mark("10:02:40", { session: "second", since: at("10:01:50") });
    await mark("10:01:59", { session: "spare", since: at("09:59:00"), ended: true });
    await round("10:02:41");
    expect((await readRollups(database.sql, "1m")).map(({ complete }) => complete)).toEqual([
      true,
      true,
    ]);
  });

  test("of a session that fell silent is cut without anybody saying so, and comes back with its marks", async () => {
    await writeSeconds(database.sql, [second("10:00:30")]);
    await mark("10:01:02");
    await round("10:01:03");
    expect(await candle("1m", "10:00:00")).toMatchObject({ complete: true });
    await round("10:01:13");
    expect(await candle("1m", "10:00:00")).toMatchObject({ complete: false });
    expect(await candle("1d", "00:00:00")).toMatchObject({ complete: false });
    await mark("10:01:30");
    await round("10:01:31");
    expect(await candle("1m", "10:00:00")).toMatchObject({ complete: true });
    expect(await candle("1d", "00:00:00")).toMatchObject({ complete: true });
  });

  test("comes late with marks that come late, for buckets that were closed without them", async () => {
    await writeSeconds(database.sql, [second("10:00:30")]);
    await round("10:31:00");
    expect(await candle("30m", "10:00:00")).toMatchObject({
      complete: false,
      until: at("10:30:00"),
    });
    await mark("10:30:58");
    await round("10:31:01");
    expect(await candle("30m", "10:00:00")).toMatchObject({ complete: true });
  });

  test("ends at a second that was received and could not be stored", async () => {
    await writeSeconds(database.sql, [second("10:00:30"), second("10:01:30")]);
    await mark("10:02:02");
    await round("10:02:02");
    await database.sql`INSERT INTO coverage_hole (since, until, market, cause)
      VALUES (${at("10:01:10")}::text::timestamptz, ${
      at("10:01:11")
    }::text::timestamptz, ${BTC}, 'refused')`;
    await mark("10:02:03");
    await round("10:02:03");
    expect((await readRollups(database.sql, "1m")).map(({ complete }) => complete)).toEqual([
      true,
      false,
    ]);
    expect(await candle("3m", "10:00:00")).toMatchObject({ complete: false });
  });
});

describe("of three candles it takes the first there is", () => {
  const answer = (until = "10:02:00", rows: [string, string][] = [["10:00:00", "55"]]) =>
    writeAnswer(database.sql, {
      market: BTC,
      interval: "1m",
      since: at("10:00:00"),
      until: at(until),
      rows: rows.map(([time, price]) => [at(time), price] as const),
    });

  test("the complete fold, whatever the exchange says", async () => {
    await writeSeconds(database.sql, [second("10:00:30")]);
    await mark("10:02:00");
    await answer();
    await round("10:02:01");
    expect(await candle("1m", "10:00:00")).toMatchObject({
      source: "folded",
      open: "100",
      complete: true,
    });
  });

  test("else the exchange's row, also where we saw nothing", async () => {
    await writeSeconds(database.sql, [second("10:00:30")]);
    await answer("10:02:00", [["10:00:00", "55"], ["10:01:00", "56"]]);
    await drainAt(database.sql, at("10:05:00"));
    expect(
      (await readRollups(database.sql, "1m")).map((row) => [row.source, row.open, row.complete]),
    )
      .toEqual([["exchange", "55", true], ["exchange", "56", true]]);
  });

  test("but not one fetched before the end of the bucket", async () => {
    await writeSeconds(database.sql, [second("10:00:30")]);
    await answer("10:00:40");
    await drainAt(database.sql, at("10:05:00"));
    expect(await candle("1m", "10:00:00")).toMatchObject({
      source: "folded",
      open: "100",
      complete: false,
    });
  });
});

test("what retention has passed is never folded again from below", async () => {
  const { sql } = database;
  await writeSeconds(sql, [second("10:00:10"), second("10:00:20"), second("10:02:10")]);
  await drainAt(sql, at("10:05:00"));
  const before = await readRollups(sql);
  await sql`UPDATE retention SET kept_since = ${
    at("10:00:30")
  }::text::timestamptz WHERE relation = 'market_candle_1s'`;
  await sql`DELETE FROM market_candle_1s WHERE starts_at < ${at("10:00:30")}::text::timestamptz`;
  await writeSeconds(sql, [second("10:00:40")]);
  await drainAt(sql, at("10:05:01"));
  expect(await readRollups(sql)).toEqual(before);
  expect(before.find(({ interval }) => interval === "1m")).toMatchObject({ volume: "2" });
});

test("housekeeping deletes what its table no longer keeps, and no more at once than it may", async () => {
  const { sql } = database;
  await sql`INSERT INTO market VALUES (${BTC}, '', '', '{}', now(), now()) ON CONFLICT DO NOTHING`;
  await writeSeconds(sql, Array.from({ length: 5 }, (_, minute) => second(`10:0${minute}:10`)));
  await drainAt(sql, at("10:10:00"));
  const later = "2025-06-30T00:00:00Z"; // 405 days
  const house = async () =>
    (await sql`SELECT rollup_keep_house(${later}::text::timestamptz, 3) AS rows`)[0]![
      "rows"
    ] as number;
  expect(await house()).toBe(3 + 2 + 1); // of 1m, 3m and 5m
  expect(await house()).toBe(2);
  expect(await house()).toBe(0);
  const left = (await readRollups(sql)).map(({ interval }) => interval);
  expect(left).toEqual(["10m", "15m", "30m", "1h", "4h", "1d", "1w", "1mo"]);
});
