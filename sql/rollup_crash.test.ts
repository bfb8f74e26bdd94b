import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import { bucketStartMs } from "#core/interval.ts";
import { until } from "../tests/until.ts";
import { migrate, readMigrations } from "./migrator.ts";
import { ensureRoles } from "./roles.ts";
import { client } from "./testing/database.ts";
import { SQL_FOLDER } from "./testing/fresh_database.ts";
import { makeDays, readRollups, type TestSecond, writeSeconds } from "./testing/history.ts";
import { PostgresProcess } from "./testing/postgres_process.ts";
import { recomputed, rollupLines } from "./testing/recomputed.ts";

let server: PostgresProcess;
/** Each statement of it may be the first after a crash: see {@link afterCrash}. */
let sql: Database;
let admin: Database;

beforeAll(async () => {
  server = await PostgresProcess.start();
  sql = client(server.url("owner"));
  admin = client(server.url("superuser"));
  await ensureRoles(sql, () => "only-for-this-test");
  await migrate(sql, await readMigrations(SQL_FOLDER));
  // pg_cron comes in when the test wants it
  await sql`SELECT cron.unschedule(jobid) FROM cron.job`;
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  await makeDays(sql, [day(BORDER_MS - 1), day(BORDER_MS)]);
});
afterAll(async () => {
  await sql?.end({ timeout: 1 });
  await admin?.end({ timeout: 1 });
  await server?.remove();
});

const MARKETS = ["KRW-BTC", "KRW-ETH", "BTC-XRP"];
/** The begin of the month before this one: each level has buckets that end there, all are over, and 1m is still kept. */
const BORDER_MS = bucketStartMs("1mo", bucketStartMs("1mo", Date.now()) - 1);
const HOUR_MS = 3_600_000;

/** Trades of each market in the hours around the border, no two alike; the third turn revises those of the first. */
function seconds(turn: number): TestSecond[] {
  return MARKETS.flatMap((market, which) =>
    Array.from({ length: 1_500 }, (_, n) => ({
      market,
      at: new Date(BORDER_MS - 2 * HOUR_MS + (n * 7 + which + turn % 2 * 3) * 1_000).toISOString(),
      price: `${(n * 31 + which * 7) % 97 + 1}.${turn}5`,
      volume: `${n % 13 + 1}.0${which + 1}`,
      revision: turn,
    }))
  );
}

/** A session that works in rounds, and how it ended. */
function drain(): { readonly ended: Promise<string>; readonly close: () => Promise<void> } {
  const session = client(server.url("owner"));
  const ended = session.unsafe("CALL rollup_drain(clock_timestamp() + interval '20 s')")
    .then(() => "by itself", (error: Error & { code?: string }) => error.code ?? error.message);
  return { ended, close: () => session.end({ timeout: 1 }) };
}

/** The process of the session that stands still in a round, what it wrote uncommitted. */
async function inRound(): Promise<number> {
  let pid: number | null = null;
  await until("a round stands still", 10_000, async () => {
    const [row] = await admin`
      SELECT pid FROM pg_stat_activity
      WHERE datname = current_database() AND query LIKE 'CALL rollup_drain%' AND backend_xid IS NOT NULL
        AND wait_event = 'PgSleep'`;
    pid = row?.["pid"] as number | undefined ?? null;
    return pid !== null;
  });
  return pid!;
}

/** A statement that is met by a crash, and the next on its connection, are refused. */
async function afterCrash<Value>(ask: () => Promise<Value>): Promise<Value> {
  for (let attempt = 1;; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt > 40) throw error;
      await pause(50);
    }
  }
}

const stored = async () => rollupLines(await readRollups(sql));

test(
  "kill -9 in the middle of a round crashes the server and loses nothing: pg_cron folds the rest, and all equals a recomputation",
  async () => {
    const all: TestSecond[] = [];
    // a round stands still behind the nth time that it has written, so that it is met there on a busy machine too
    await admin.unsafe(`
      CREATE TABLE stand (written int);
      INSERT INTO stand VALUES (0);
      GRANT SELECT ON stand TO PUBLIC;
      CREATE FUNCTION stand() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE written int := coalesce(nullif(current_setting('stand.written', true), ''), '0')::int + 1;
        BEGIN
          PERFORM set_config('stand.written', written::text, true);
          IF written = (SELECT s.written FROM public.stand s) THEN PERFORM pg_sleep(600); END IF;
          RETURN NULL;
        END $$;
      CREATE TRIGGER stand AFTER INSERT OR UPDATE ON market_candle FOR EACH STATEMENT EXECUTE FUNCTION stand()`);
    // behind the first level, in the middle, near the last
    for (const [turn, written] of [1, 10, 20].entries()) {
      await admin`UPDATE stand SET written = ${written}`;
      const come = seconds(turn);
      all.push(...come);
      await writeSeconds(sql, come);
      const [before, [dirty]] = [
        await stored(),
        await sql`SELECT count(*)::int AS rows FROM candle_dirty`,
      ];
      const session = drain();
      const pid = await inRound();
      process.kill(pid, "SIGKILL");
      expect(await session.ended).not.toBe("by itself");
      await session.close();
      await afterCrash(() => admin`SELECT 1`);
      // a round is there as a whole or not at all
      expect(await afterCrash(stored)).toEqual(before);
      const [left] = await sql`SELECT count(*)::int AS rows FROM candle_dirty`;
      expect(left).toEqual(dirty);
      process.kill(server.pid, 0); // it is the same server that came back by itself
    }
    await admin.unsafe("DROP TRIGGER stand ON market_candle");

    expect((await sql`SELECT rollup_schedule() AS missing`)[0]).toEqual({ missing: null });
    await until("pg_cron has folded all", 75_000, async () => {
      const [row] = await sql`
        SELECT (SELECT count(*) FROM candle_dirty)::int + (SELECT count(*) FROM rollup_todo)::int AS left`;
      return row!["left"] === 0;
    }, { everyMs: 200 });
    expect(await stored()).toEqual(recomputed(newest(all)));
  },
  300_000,
);

/** The seconds that stand at the end: the later turn won where two wrote the same one. */
function newest(all: readonly TestSecond[]): readonly TestSecond[] {
  return [...new Map(all.map((second) => [`${second.market} ${second.at}`, second])).values()];
}
