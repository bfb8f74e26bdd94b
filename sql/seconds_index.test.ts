import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import { type FreshDatabase, freshDatabase } from "./testing/fresh_database.ts";
import { makeDays } from "./testing/history.ts";

let fresh: FreshDatabase;
let owner: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  owner = fresh.as("stofka_owner", 1);
  await makeDays(owner, ["2026-03-01", "2026-03-02", "2026-03-03"]);
});
afterAll(() => fresh.drop());

const FIRST = "market_candle_1s_20260301_pkey";
const SECOND = "market_candle_1s_20260302_pkey";

/** Seconds of 40 markets, in the order in which they come in. */
async function live(since: string, seconds: number, volume = 1): Promise<void> {
  await owner`
    INSERT INTO market_candle_1s
    SELECT t, t, t, 0, 'websocket', 0, false, 'KRW-MARKET' || m, 1, 1, 1, 1, ${volume}, 1
    FROM generate_series(0, ${seconds - 1}::int) s, generate_series(1, 40) m,
      LATERAL (SELECT ${since}::text::timestamptz + s * interval '1 s' AS t) at`;
}

async function next(at: string): Promise<string | null> {
  const [row] = await owner`SELECT seconds_index_next(${at}::text::timestamptz) AS name`;
  return row!["name"] as string | null;
}

async function bytes(index: string): Promise<number> {
  const [row] = await owner`SELECT pg_relation_size(${index}::text::regclass)::float8 AS bytes`;
  return row!["bytes"] as number;
}

test("an ended day's index is made anew once nobody writes there: a third smaller, and again only after it has grown", async () => {
  await live("2026-03-01T10:00:00Z", 2_000);
  await live("2026-03-02T10:00:00Z", 2_000);
  // both days are not over for an hour, or only one is
  expect(await next("2026-03-02T00:59:00Z")).toBeNull();
  expect(await next("2026-03-02T02:00:00Z")).toBeNull();
  const loose = await bytes(FIRST);
  expect(await next("2026-03-02T03:00:00Z")).toBe(FIRST);
  // it grew since the look before
  await live("2026-03-01T11:00:00Z", 300);
  expect(await next("2026-03-02T04:00:00Z")).toBeNull();
  expect(await next("2026-03-02T05:00:00Z")).toBe(FIRST);
  // the attempt failed: the next one
  expect(await next("2026-03-02T06:00:00Z")).toBe(FIRST);
  await owner.unsafe(`REINDEX INDEX CONCURRENTLY public.${FIRST}`);
  expect(await bytes(FIRST)).toBeLessThan(loose * 0.8);
  expect(await next("2026-03-02T07:00:00Z")).toBeNull();
  expect(await next("2026-03-02T08:00:00Z")).toBeNull();

  // the next day is over; the newest goes first
  await live("2026-03-01T12:00:00Z", 1_500);
  expect(await next("2026-03-03T01:00:00Z")).toBeNull();
  expect(await next("2026-03-03T02:00:00Z")).toBe(SECOND);
  await owner.unsafe(`REINDEX INDEX CONCURRENTLY public.${SECOND}`);
  expect(await next("2026-03-03T03:00:00Z")).toBe(FIRST);
  expect(await next("2026-03-05T00:00:00Z")).toBe(FIRST);
});

test("it is still the key of the day and of the whole, and rows are found and guarded by it", async () => {
  const [row] = await owner`
    SELECT count(*)::int AS parts FROM pg_inherits WHERE inhparent = 'market_candle_1s_pkey'::regclass`;
  expect(row).toEqual({ parts: 3 });
  await expect(live("2026-03-02T10:00:00Z", 1)).rejects.toMatchObject({ code: "23505" });
});

test("the job carries the one statement, a stale index goes before, and without anything to do there is no job", async () => {
  const superuser = fresh.as(null, 1);
  // pg_cron lives in one database of a server only: what of it the function uses
  await superuser.unsafe(`
    CREATE SCHEMA cron;
    CREATE TABLE cron.job (jobid serial, jobname text PRIMARY KEY, schedule text, command text, username text DEFAULT current_user);
    CREATE FUNCTION cron.schedule(name text, at text, command text) RETURNS bigint LANGUAGE sql AS $$
      INSERT INTO cron.job (jobname, schedule, command) VALUES (name, at, command)
      ON CONFLICT (jobname) DO UPDATE SET command = excluded.command RETURNING jobid $$;
    CREATE FUNCTION cron.unschedule(id bigint) RETURNS boolean LANGUAGE sql AS $$
      DELETE FROM cron.job WHERE jobid = id RETURNING true $$;
    GRANT USAGE ON SCHEMA cron TO stofka_owner;
    GRANT ALL ON ALL TABLES IN SCHEMA cron TO stofka_owner;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA cron TO stofka_owner`);
  const jobs = async (): Promise<readonly unknown[]> => {
    await owner`SELECT seconds_index_schedule()`;
    return [...await superuser`SELECT jobname, command FROM cron.job`];
  };
  // an interrupted REINDEX leaves an invalid index of such a name
  await owner.unsafe(
    `CREATE UNIQUE INDEX ${FIRST}_ccnew ON market_candle_1s_20260301 (market, starts_at)`,
  );
  await superuser.unsafe(
    `UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${FIRST}_ccnew'::regclass`,
  );
  expect(await jobs()).toEqual([
    { jobname: "seconds_index", command: `REINDEX INDEX CONCURRENTLY public.${FIRST}` },
  ]);
  const [stale] = await owner`SELECT to_regclass(${`${FIRST}_ccnew`}::text)::text AS name`;
  expect(stale).toEqual({ name: null });
  await owner.unsafe(`REINDEX INDEX CONCURRENTLY public.${FIRST}`);
  expect(await jobs()).toEqual([]);
});
