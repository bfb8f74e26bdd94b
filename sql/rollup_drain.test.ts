import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import { testServers } from "../tests/servers.ts";
import { client, type TestDatabase, testDatabase } from "./testing/database.ts";
import {
  clear,
  drainAt,
  makeDays,
  readRollups,
  writeMark,
  writeSeconds,
} from "./testing/history.ts";

let database: TestDatabase;
let writer: Database;

const DAY = "2024-05-21";
const MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP"];

beforeAll(async () => {
  database = await testDatabase();
  writer = database.other;
  await makeDays(database.sql, [DAY]);
});
afterAll(() => database.drop());
beforeEach(() => clear(database.sql));

/** Volume by market, as stored, and as the day's roll-up says. */
async function volumes(sql: Database): Promise<readonly Record<string, unknown>[]> {
  return await sql`
    SELECT s.market, trim_scale(sum(s.volume))::text AS seconds,
      (SELECT volume::text FROM market_candle c WHERE c.market = s.market AND c.interval = '1d') AS day,
      (SELECT trim_scale(sum(volume))::text FROM market_candle c WHERE c.market = s.market AND c.interval = '1m') AS minutes
    FROM market_candle_1s s WHERE NOT deleted GROUP BY market ORDER BY market`;
}

describe("no update is lost", () => {
  test("while writers commit in any order between the drain's statements", async () => {
    const stop = new AbortController();
    const rounds = (async () => {
      while (!stop.signal.aborted) {
        await database.sql`SELECT rollup_round('2024-05-22T00:00:00Z', 50)`;
      }
    })();
    const write = async (lane: number): Promise<void> => {
      for (let turn = 0; turn < 25; turn++) {
        await writer.begin(async (transaction) => {
          // the same minutes again and again, each second from one lane alone, so that lanes do not wait for each other
          await writeSeconds(
            transaction as unknown as Database,
            MARKETS.map((market) => ({
              market,
              at: new Date(Date.parse(`${DAY}T10:0${turn % 5}:00Z`) + lane * 1_000).toISOString(),
              price: "1",
              volume: `${turn + 1}.${lane}`,
              revision: turn,
            })),
          );
          await pause((turn * 7 + lane * 5) % 23); // written and dirty, not yet committed
        });
      }
    };
    await Promise.all([1, 2, 3].map(write));
    stop.abort();
    await rounds;
    await drainAt(database.sql, "2024-05-22T00:00:00Z");
    for (const row of await volumes(database.sql)) {
      expect([row["minutes"], row["day"]]).toEqual([row["seconds"], row["seconds"]]);
    }
  }, 60_000);

  test("by one second that is committed between the drain's look at the dirty rows and its fold", async () => {
    await writeSeconds(database.sql, [{ market: "KRW-BTC", at: `${DAY}T10:00:01Z`, price: "1" }]);
    await database.sql.begin(async (drain) => {
      await drain`SELECT rollup_round('2024-05-22T00:00:00Z', 50)`;
      await writeSeconds(writer, [{ market: "KRW-BTC", at: `${DAY}T10:00:02Z`, price: "2" }]);
    });
    expect((await readRollups(database.sql, "1m"))[0]).toMatchObject({ volume: "1" });
    await drainAt(database.sql, "2024-05-22T00:00:00Z");
    expect((await readRollups(database.sql, "1m"))[0]).toMatchObject({ volume: "2" });
    expect((await readRollups(database.sql, "1mo"))[0]).toMatchObject({ volume: "2" });
  });
});

describe("rollup_drain()", () => {
  // async: the client sends nothing before somebody waits for the answer
  const drainFor = async (sql: Database, ms: number): Promise<unknown> =>
    await sql.unsafe(`CALL rollup_drain('${new Date(Date.now() + ms).toISOString()}')`);
  const holder = async (): Promise<number | null> => {
    const [row] = await database.sql`
      SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    return (row?.["pid"] as number | undefined) ?? null;
  };
  const eventually = async (what: () => Promise<boolean>, msMax: number): Promise<void> => {
    for (const endMs = Date.now() + msMax; !await what(); await pause(50)) {
      if (Date.now() > endMs) throw new Error("it did not happen in time");
    }
  };

  test(
    "run twice at once folds once, and the second takes over when the first is killed",
    async () => {
      const first = drainFor(database.sql, 30_000).catch((error: Error) => error);
      await eventually(async () => await holder() !== null, 10_000);
      const firstPid = await holder();
      const second = drainFor(writer, 12_000);
      await writeSeconds(writer, [{ market: "KRW-BTC", at: `${DAY}T10:00:01Z`, price: "1" }]);
      await eventually(async () => (await readRollups(database.sql, "1m")).length === 1, 10_000);
      // a superuser's session whatever its role, so only a superuser may end it
      const server = client(testServers().postgres);
      await server`SELECT pg_terminate_backend(${firstPid!})`;
      await server.end({ timeout: 1 });
      expect(await first).toBeInstanceOf(Error);
      await writeSeconds(writer, [{ market: "KRW-BTC", at: `${DAY}T10:00:02Z`, price: "1" }]);
      await eventually(
        async () => (await readRollups(database.sql, "1m"))[0]!.volume === "2",
        10_000,
      );
      expect(await holder()).not.toBe(firstPid);
      await second;
      expect(await holder()).toBeNull();
    },
    60_000,
  );

  test("names a failing round, and goes on when its cause is gone", async () => {
    const { sql } = database;
    await writeSeconds(sql, [{ market: "KRW-BTC", at: `${DAY}T10:00:01Z`, price: "1" }]);
    await sql`ALTER TABLE market_candle ADD CONSTRAINT nothing_goes CHECK (volume < 0)`;
    await drainFor(sql, 100);
    const [failed] = await sql`SELECT failure FROM rollup_state`;
    expect(failed!["failure"]).toContain("nothing_goes");
    await sql`ALTER TABLE market_candle DROP CONSTRAINT nothing_goes`;
    await drainFor(sql, 100);
    expect(await readRollups(sql, "1m")).toHaveLength(1);
  });
});

test(
  "pg_cron itself runs it: a minute is in its table within 3 s of its end, and an hour of arrears beside it",
  async () => {
    const server = client(testServers().postgres);
    const [setting] = await server`SELECT current_setting('cron.database_name') AS name`;
    const url = new URL(testServers().postgres);
    url.pathname = `/${setting!["name"]}`;
    const cron = client(url.href);
    const owner = new URL(testServers().postgresOwner).username;
    const { sql } = database;
    const jobs = [`${database.name}_1`, `${database.name}_2`];
    try {
      for (const job of jobs) {
        await cron`SELECT cron.schedule_in_database(${job}, '* * * * *', 'CALL rollup_drain()', ${database.name}, ${owner})`;
      }
      const minuteMs = Math.ceil(Date.now() / 60_000) * 60_000;
      const iso = (ms: number): string => new Date(ms).toISOString();
      await makeDays(
        sql,
        [minuteMs - 7_200_000, minuteMs, minuteMs + 120_000].map((ms) => iso(ms).slice(0, 10)),
      );
      const arrears = Array.from({ length: 60 }, (_, minute) => ({
        market: "KRW-ETH",
        at: iso(minuteMs - 3_600_000 - minute * 60_000),
        price: "1",
      }));
      await writeSeconds(sql, arrears);
      // one whole minute lived through, second by second
      const btc = { market: "KRW-BTC", price: "1" };
      await writeSeconds(sql, [{ ...btc, at: iso(minuteMs + 1_000) }]);
      await pause(minuteMs + 60_000 - Date.now());
      await writeSeconds(sql, [{ ...btc, at: iso(minuteMs + 59_000) }]);
      const mark = { session: "cron", markets: ["KRW-BTC"], since: iso(minuteMs - 10_000) };
      await pause(minuteMs + 61_010 - Date.now());
      await writeMark(sql, { ...mark, until: iso(minuteMs + 61_005) });
      let seenAtMs = Infinity;
      while (seenAtMs === Infinity && Date.now() < minuteMs + 75_000) {
        const rows = await readRollups(sql, "1m");
        if (rows.some(({ market, volume }) => market === "KRW-BTC" && volume === "2")) {
          seenAtMs = Date.now();
        } else await pause(20);
      }
      expect(seenAtMs - (minuteMs + 60_000)).toBeLessThan(3_000);
      expect((await readRollups(sql, "1m")).filter(({ market }) => market === "KRW-ETH"))
        .toHaveLength(60);
      const [run] = await cron`
      SELECT count(*)::int AS jobs FROM cron.job_run_details d JOIN cron.job j USING (jobid)
      WHERE j.jobname = ANY (${jobs}::text[]) AND d.status IN ('running', 'succeeded')`;
      expect(run!["jobs"]).toBeGreaterThanOrEqual(2);
    } finally {
      for (const job of jobs) {
        await cron`SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = ${job}`;
      }
      await cron`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${database.name} AND application_name = 'pg_cron'`;
      await cron.end({ timeout: 1 });
      await server.end({ timeout: 1 });
    }
  },
  200_000,
);

test("rollup_schedule() says what is missing where pg_cron is elsewhere", async () => {
  const [row] = await database.sql`SELECT rollup_schedule() AS missing`;
  expect(row!["missing"]).toContain("cron.schedule_in_database('rollup_1'");
});
