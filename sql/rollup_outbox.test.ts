import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "./testing/database.ts";
import { clear, drainAt, makeDays, readRollups, writeSeconds } from "./testing/history.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await makeDays(database.sql, ["2024-05-21"]);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await clear(database.sql);
  await database.sql`UPDATE relay_cursor SET timeline = 0, sequence = 0`;
});

async function trade(time: string, market = "KRW-BTC"): Promise<void> {
  await writeSeconds(database.sql, [{ market, at: `2024-05-21T${time}Z`, price: "100" }]);
  await drainAt(database.sql, "2024-05-22T00:00:00Z");
}

interface Unsent {
  readonly sequences: readonly bigint[];
  readonly from: bigint;
  readonly to: bigint;
  readonly timeline: number;
}

async function unsent(rowsMax = 1_000): Promise<Unsent> {
  const rows = await database.sql`SELECT * FROM rollup_unsent(${rowsMax})`;
  const last = rows.at(-1)!;
  return {
    sequences: rows.filter((row) => row["market"] !== null).map((row) =>
      BigInt(row["sequence"] as string)
    ),
    from: BigInt(last["from_sequence"] as string),
    to: BigInt(last["to_sequence"] as string),
    timeline: last["to_timeline"] as number,
  };
}

async function moveTo({ timeline, to }: Unsent): Promise<void> {
  await database.sql`UPDATE relay_cursor SET timeline = ${timeline}, sequence = ${String(to)}`;
}

async function storedSequences(): Promise<readonly bigint[]> {
  const sequences = (await readRollups(database.sql)).map(({ sequence }) => sequence);
  return sequences.sort((a, b) => Number(a - b));
}

test("rollup_unsent() gives each row behind the cursor once, in the order of revisions, in its newest", async () => {
  await trade("10:00:01");
  await trade("10:00:02"); // the same eleven buckets again
  await trade("10:07:00", "KRW-ETH");
  const all = await unsent();
  expect(all.sequences).toEqual(await storedSequences());
  expect(all.sequences).toHaveLength(22);
  expect(all.to).toBe(all.sequences.at(-1));
  await moveTo(all);
  expect(await unsent()).toEqual({ ...all, from: all.to, sequences: [] });
});

test("between the positions of one call after another lie the rows of each, and none is left out", async () => {
  for (const time of ["10:00:01", "10:01:01", "10:30:00"]) await trade(time);
  const seen: bigint[] = [];
  for (let calls = 0;; calls++) {
    const part = await unsent(5);
    if (part.to === part.from) break;
    expect(part.sequences.every((sequence) => sequence > part.from && sequence <= part.to))
      .toBe(true);
    expect(part.sequences.length).toBeLessThanOrEqual(6);
    seen.push(...part.sequences);
    await moveTo(part);
    expect(calls).toBeLessThan(100);
  }
  expect(seen).toEqual(await storedSequences());
});

test("a bucket that changes between two calls comes again, with what is newer than the first position", async () => {
  await trade("10:00:01");
  const first = await unsent();
  await moveTo(first);
  await trade("10:00:02");
  const second = await unsent();
  expect(second.sequences).toHaveLength(11);
  expect(second.sequences.every((sequence) => sequence > first.to)).toBe(true);
});

test("a round that fails leaves nothing in the outbox", async () => {
  await trade("10:00:01");
  const before = await unsent();
  await expect(database.sql.begin(async (transaction) => {
    await transaction`INSERT INTO candle_dirty (interval, market, starts_at) VALUES ('1m', 'KRW-BTC', '2024-05-21T10:00Z')`;
    await transaction`UPDATE market_candle_1s SET volume = 7`;
    await transaction`SELECT rollup_round('2024-05-22T00:00:00Z', 50)`;
    throw new Error("killed");
  })).rejects.toThrow("killed");
  expect(await unsent()).toEqual(before);
});

test("housekeeping deletes what was sent; while nothing is sent, batches that were overtaken", async () => {
  await trade("10:00:01");
  const first = await unsent();
  await moveTo(first);
  await trade("10:00:02");
  const batches = async (): Promise<number> => {
    const [row] = await database.sql`SELECT count(*)::int AS batches FROM rollup_outbox`;
    return row!["batches"] as number;
  };
  const house = () => database.sql`SELECT rollup_keep_house('2024-05-22T00:00:00Z', 100)`;
  expect(await batches()).toBe(22);
  await house();
  expect(await batches()).toBe(11);
  // a relay that has been away for hours: the first revisions of the same buckets, overtaken thousands of times
  await database.sql`
    INSERT INTO rollup_outbox
    SELECT n, n, 1, '1m', '{KRW-BTC}', '{2024-05-21T10:00Z}' FROM generate_series(1, 2100) n
    ON CONFLICT DO NOTHING`;
  await database.sql`UPDATE relay_cursor SET timeline = 0, sequence = 0`;
  const unsentBefore = (await unsent(10_000)).sequences;
  const full = await batches();
  await house();
  expect(await batches()).toBeLessThan(full - 80);
  expect((await unsent(10_000)).sequences).toEqual(unsentBefore);
});
