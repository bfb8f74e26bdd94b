import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import { sleep } from "#core/lifecycle.ts";
import { type FreshDatabase, freshDatabase } from "../../sql/testing/fresh_database.ts";
import {
  clear,
  drainAt,
  makeDays,
  readRollups,
  writeMark,
  writeSeconds,
} from "../../sql/testing/history.ts";
import { until } from "../../tests/until.ts";
import { diskRoom, makeRoom, type Room } from "./disk_room.ts";

let fresh: FreshDatabase;
/** As persist, which has no more rights than the service has. */
let persist: Database;
let owner: Database;

/** In the middle of the last day. */
const NOW = "2024-05-21T12:00:00Z";
const NOW_MS = Date.parse(NOW);
const DAYS = ["2024-05-19", "2024-05-20", "2024-05-21"] as const;

beforeAll(async () => {
  fresh = await freshDatabase();
  persist = fresh.as("stofka_persist", 2);
  owner = fresh.as("stofka_owner", 3);
});
afterAll(() => fresh.drop());
beforeEach(async () => {
  await clear(owner);
  await makeDays(owner, DAYS);
  await owner`DELETE FROM feed`;
  await readUpTo(NOW);
  for (const day of DAYS) {
    await writeSeconds(owner, [{ market: "KRW-BTC", at: `${day}T10:00:00Z`, price: "1" }]);
  }
  await drainAt(owner, NOW);
});

/** Everything that was received until then is stored. */
async function readUpTo(at: string): Promise<void> {
  await owner`INSERT INTO feed (partition, written_at, link, cause)
    VALUES (0, ${at}::text::timestamptz, 'up', 'started')
    ON CONFLICT (partition) DO UPDATE SET written_at = excluded.written_at`;
}

async function days(): Promise<readonly string[]> {
  const rows = await owner`
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'market_candle_1s'::regclass ORDER BY 1`;
  return rows.map((row) => (row["relname"] as string).slice(-8));
}

async function keptSince(): Promise<string> {
  const [row] = await owner`
    SELECT kept_since::text AS since FROM retention WHERE relation = 'market_candle_1s'`;
  return row!["since"] as string;
}

/** Databases that take one unit for each day of seconds. */
const oneADay = async (): Promise<number> => (await days()).length;

describe("makeRoom()", () => {
  test("within the limit nothing goes", async () => {
    expect(await makeRoom(persist, NOW_MS, 3, oneADay)).toEqual({ usedBytes: 3, days: [] });
    expect(await days()).toEqual(["20240519", "20240520", "20240521"]);
  });

  test("above it the oldest day goes first, and no more than has to; candles stay as they are", async () => {
    const before = await readRollups(owner);
    const room = await makeRoom(persist, NOW_MS, 2, oneADay);
    expect(room).toMatchObject({ usedBytes: 2, days: [{ day: "2024-05-19", waitsFor: null }] });
    expect(room.days[0]!.bytes).toBeGreaterThan(8_000);
    expect(await days()).toEqual(["20240520", "20240521"]);
    expect(await keptSince()).toBe("2024-05-20 00:00:00+00");
    await drainAt(owner, NOW);
    expect(await readRollups(owner)).toEqual(before);
  });

  test("today stays, however much it takes", async () => {
    const room = await makeRoom(persist, NOW_MS, 0, oneADay);
    expect(room.days.map(({ day, waitsFor }) => [day, waitsFor])).toEqual([
      ["2024-05-19", null],
      ["2024-05-20", null],
      ["2024-05-21", "it has not ended"],
    ]);
    expect(room.usedBytes).toBe(1);
    expect(await days()).toEqual(["20240521"]);
    expect(await keptSince()).toBe("2024-05-21 00:00:00+00");
  });

  describe("in bytes", () => {
    /** Other tests' databases come and go on this server. */
    const ownBytes = async (): Promise<number> => {
      const [row] = await persist`SELECT pg_database_size(current_database())::float8 AS bytes`;
      return row!["bytes"] as number;
    };
    beforeEach(async () => {
      await owner`
        INSERT INTO market_candle_1s SELECT '2024-05-19T00:00Z'::timestamptz + n * interval '1 s', now(), now(), 0,
          'websocket', 0, false, 'KRW-ETH', 1, 1, 1, 1, 1, 1 FROM generate_series(0, 40000) n`;
    });

    test("a day that goes gives its own back", async () => {
      const before = await ownBytes();
      const room = await makeRoom(persist, NOW_MS, before - 1, ownBytes);
      expect(room.days).toMatchObject([{ day: "2024-05-19", waitsFor: null }]);
      expect(room.days[0]!.bytes).toBeGreaterThan(4_000_000);
      expect(room.usedBytes).toBeLessThan(before - 4_000_000);
    });

    test("what is taken is read from the server, of all its databases", async () => {
      const room = await makeRoom(persist, NOW_MS, await ownBytes());
      expect(room.days[0]).toMatchObject({ day: "2024-05-19", waitsFor: null });
      expect(room.usedBytes).toBeGreaterThan(await ownBytes());
    });
  });
});

describe("a day stays while its roll-ups do not hold all of it:", () => {
  const oldest = async () => (await makeRoom(persist, NOW_MS, 2, oneADay)).days[0];
  const since = "2024-05-19T23:59:59Z";

  test.each([
    [
      "a second that is dirty",
      "seconds of it are still to be folded",
      () => writeSeconds(owner, [{ market: "KRW-BTC", at: since, price: "1" }]),
    ],
    [
      "a bucket that waits for its turn",
      "roll-ups of it are still to be folded",
      () =>
        owner`INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
          VALUES ('2024-05-19T20:00Z', '2024-05-20T00:00Z', 8, true, 'KRW-BTC')`,
    ],
    [
      "coverage that came lately",
      "what covers it is still to be taken in",
      () =>
        owner`INSERT INTO coverage_answer (since, until, fetched_at, market, interval)
          VALUES (${since}::text::timestamptz, '2024-05-20T01:00Z', '2024-05-20T02:00Z', 'KRW-BTC', '1s')`,
    ],
  ])("%s", async (_, waitsFor, disturb) => {
    await disturb();
    expect(await oldest()).toMatchObject({ day: "2024-05-19", waitsFor });
    expect(await days()).toHaveLength(3);
    expect(await keptSince()).toBe("-infinity");
    await drainAt(owner, NOW);
    expect(await oldest()).toMatchObject({ day: "2024-05-19", waitsFor: null });
    const [day] = (await readRollups(owner, "1d")).filter(({ at }) =>
      at === "2024-05-19T00:00:00Z"
    );
    expect(day!.volume).toBe(waitsFor.startsWith("seconds") ? "2" : "1");
  });

  test("records of it that Kafka still holds", async () => {
    await owner`INSERT INTO feed (partition, written_at, link, cause) VALUES (1, ${since}::text::timestamptz, 'up', 'started')`;
    expect(await oldest()).toMatchObject({ waitsFor: "what was received of it is not all stored" });
    await owner`DELETE FROM feed WHERE partition = 1`;
    expect(await oldest()).toMatchObject({ waitsFor: null });
  });

  test("buckets that end after it are folded from candles, and do not hold it", async () => {
    const [listed] = await owner`
      SELECT count(*)::int AS forming FROM rollup_todo WHERE starts_at < '2024-05-20T00:00Z'`;
    expect(listed!["forming"]).toBeGreaterThan(0); // month and week
    expect(await oldest()).toMatchObject({ waitsFor: null });
  });

  test("a second that is being written when the day is looked at is not dropped unfolded", async () => {
    let room: Promise<Room> | null = null;
    await owner.begin(async (writer) => {
      await writeSeconds(writer as unknown as Database, [
        { market: "KRW-BTC", at: since, price: "7" },
      ]);
      room = makeRoom(persist, NOW_MS, 2, oneADay);
      await until("the day is locked for dropping", 1_500, async () => {
        const [row] = await owner`
          SELECT count(*)::int AS waiting FROM pg_locks
          WHERE relation = 'market_candle_1s'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted`;
        return row!["waiting"] === 1;
      }, { everyMs: 10 });
    });
    expect((await room!).days[0]).toMatchObject({
      waitsFor: "seconds of it are still to be folded",
    });
    await drainAt(owner, NOW);
    await makeRoom(persist, NOW_MS, 2, oneADay);
    expect(await days()).toHaveLength(2);
    const [day] = (await readRollups(owner, "1d")).filter(({ at }) =>
      at === "2024-05-19T00:00:00Z"
    );
    expect(day).toMatchObject({ close: "7", volume: "2" });
  });
});

test("what was missed on a day that went is missed for ever, what was seen stays seen", async () => {
  await owner`INSERT INTO market VALUES ('KRW-BTC', '', '', '{}', '2024-05-19', '2024-05-19') ON CONFLICT DO NOTHING`;
  const seen = { markets: ["KRW-BTC"], session: "a", since: "2024-05-19T01:00:00Z" };
  await writeMark(owner, { ...seen, until: "2024-05-19T02:00:00Z", ended: true });
  const again = { ...seen, session: "b", since: "2024-05-19T03:00:00Z" };
  await writeMark(owner, { ...again, until: NOW });
  await drainAt(owner, NOW);
  const gaps = async () =>
    (await owner`
      SELECT since, until, permanent FROM gaps(${NOW}::text::timestamptz, '2024-05-19T00:00Z', '2024-05-20T06:00Z')`)
      .map((row) => [row["since"], row["until"], row["permanent"]]);
  const lost = [new Date("2024-05-19T01:59:55Z"), new Date("2024-05-19T03:00:05Z")];
  expect(await gaps()).toEqual([[...lost, false]]);
  await makeRoom(persist, NOW_MS, 2, oneADay);
  expect(await gaps()).toEqual([[...lost, true]]);
  // nobody asks the exchange for seconds that would not be stored
  const wanted = await owner`
    SELECT since FROM repair_wanted(${NOW}::text::timestamptz, 1000, '{KRW-BTC}'::text[]) WHERE interval = '1s'`;
  for (const row of wanted) {
    expect((row["since"] as Date).getTime()).toBeGreaterThanOrEqual(Date.parse("2024-05-20"));
  }
});

test("the worker says each day that went, and why one stays once", async () => {
  const stop = new AbortController();
  const said: string[] = [];
  await owner`INSERT INTO candle_dirty VALUES ('2024-05-20T10:00Z', 'KRW-BTC', '1m')`;
  const worker = diskRoom({
    database: persist,
    bytesMax: 1, // less than an empty database takes
    nowMs: () => NOW_MS,
    onDropped: ({ day }) => said.push(`dropped ${day}`),
    onWaiting: (oldest, { usedBytes }) => {
      said.push(`${oldest?.day} stays: ${oldest?.waitsFor}`);
      expect(usedBytes).toBeGreaterThan(1_000_000);
    },
    onAway: (reason) => said.push(reason),
    pauses: { lookMs: 20, againMs: 5 },
  }).run(stop.signal);
  await until("the worker has looked", 5_000, () => said.length > 1);
  await sleep(100, stop.signal);
  expect(said).toEqual([
    "dropped 2024-05-19",
    "2024-05-20 stays: seconds of it are still to be folded",
  ]);
  await drainAt(owner, NOW);
  await until("the worker has looked again", 5_000, () => said.length > 3);
  expect(said.slice(2)).toEqual(["dropped 2024-05-20", "2024-05-21 stays: it has not ended"]);
  stop.abort();
  await worker;
});
