import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import { testServers } from "../tests/servers.ts";
import { until } from "../tests/until.ts";
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
  });

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
  test(
    "run twice at once folds once, and the second takes over when the first is killed",
    async () => {
      const first = drainFor(database.sql, 30_000).catch((error: Error) => error);
      await until("a round is under way", 10_000, async () => await holder() !== null);
      const firstPid = await holder();
      const second = drainFor(writer, 17_000); // below its statement_timeout
      await writeSeconds(writer, [{ market: "KRW-BTC", at: `${DAY}T10:00:01Z`, price: "1" }]);
      await until(
        "the first folds",
        10_000,
        async () => (await readRollups(database.sql, "1m")).length === 1,
      );
      // a superuser's session whatever its role, so only a superuser may end it
      const server = client(testServers().postgres);
      await server`SELECT pg_terminate_backend(${firstPid!})`;
      await server.end({ timeout: 1 });
      expect(await first).toBeInstanceOf(Error);
      await writeSeconds(writer, [{ market: "KRW-BTC", at: `${DAY}T10:00:02Z`, price: "1" }]);
      await until(
        "the second folds",
        10_000,
        async () => (await readRollups(database.sql, "1m"))[0]!.volume === "2",
      );
      expect(await holder()).not.toBe(firstPid);
      await second;
      expect(await holder()).toBeNull();
    },
  );

  test("names a failing round, and goes on when its cause is gone", async () => {
    const { sql } = database;
    await writeSeconds(sql, [{ market: "KRW-BTC", at: `${DAY}T10:00:01Z`, price: "1" }]);
    await sql`ALTER TABLE market_candle ADD CONSTRAINT nothing_goes CHECK (volume < 0)`;
    // a busy machine may have no round in so short a time
    await until("the failure is named", 10_000, async () => {
      await drainFor(sql, 100);
      const [failed] = await sql`SELECT failure FROM rollup_state`;
      return String(failed!["failure"]).includes("nothing_goes");
    });
    await sql`ALTER TABLE market_candle DROP CONSTRAINT nothing_goes`;
    await until("it goes on", 10_000, async () => {
      await drainFor(sql, 100);
      return (await readRollups(sql, "1m")).length === 1;
    });
  });
});

/** When the mark that covers a minute is stored, after the minute's begin: as soon as its last second has come. */
const MARK_MS = 61_010;
/** From there on: 3 s after the minute's end. */
const AFTER_MARK_MS_MAX = 63_000 - MARK_MS;

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
      const firstMs = Math.ceil(Date.now() / 60_000) * 60_000;
      const iso = (ms: number): string => new Date(ms).toISOString();
      await makeDays(
        sql,
        [firstMs - 7_200_000, firstMs, firstMs + 600_000].map((ms) => iso(ms).slice(0, 10)),
      );
      const arrears = Array.from({ length: 60 }, (_, minute) => ({
        market: "KRW-ETH",
        at: iso(firstMs - 3_600_000 - minute * 60_000),
        price: "1",
      }));
      await writeSeconds(sql, arrears);
      // one whole minute lived through, second by second; a busy machine may hold up one or two
      let [leastMs, minutes] = [Infinity, 0];
      while (leastMs >= AFTER_MARK_MS_MAX && minutes < 3) {
        const minuteMs = Math.ceil(Date.now() / 60_000) * 60_000;
        const at = iso(minuteMs).slice(0, 19);
        const btc = { market: "KRW-BTC", price: "1" };
        await writeSeconds(sql, [{ ...btc, at: iso(minuteMs + 1_000) }]);
        await pause(Math.max(0, minuteMs + 60_000 - Date.now()));
        await writeSeconds(sql, [{ ...btc, at: iso(minuteMs + 59_000) }]);
        await pause(Math.max(0, minuteMs + MARK_MS - Date.now()));
        const mark = { session: "cron", markets: ["KRW-BTC"], since: iso(firstMs - 10_000) };
        await writeMark(sql, { ...mark, until: iso(minuteMs + MARK_MS - 5) });
        const markedAtMs = Date.now();
        await until(
          "the minute is in its table",
          12_000,
          async () =>
            (await readRollups(sql, "1m")).some((row) =>
              row.market === "KRW-BTC" && row.volume === "2" && row.at.startsWith(at)
            ),
          { everyMs: 20 },
        );
        leastMs = Math.min(leastMs, Date.now() - markedAtMs);
        minutes++;
      }
      expect(leastMs).toBeLessThan(AFTER_MARK_MS_MAX);
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
  400_000,
);

test("rollup_schedule() says what is missing where pg_cron is elsewhere", async () => {
  const [row] = await database.sql`SELECT rollup_schedule() AS missing`;
  expect(row!["missing"]).toContain("cron.schedule_in_database('rollup_1'");
});
