import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import { decimal } from "#core/decimal.ts";
import { candleRevision } from "#core/revision.ts";
import { type FreshDatabase, freshDatabase } from "./testing/fresh_database.ts";

let fresh: FreshDatabase;
let persist: Database;
beforeAll(async () => {
  fresh = await freshDatabase();
  persist = fresh.as("stofka_persist");
});
afterAll(() => fresh.drop());

describe("order of revisions", () => {
  const time = fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: 4_102_444_800_000 }),
    fc.integer({ min: 0, max: 40 }),
  );
  const volume = fc.oneof(
    fc.integer({ min: 0, max: 120 }).map(String),
    fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 24n - 1n }), fc.stringMatching(/^\d{1,20}$/))
      .map(([whole, fraction]) => `${whole}.${fraction}`),
    fc.stringMatching(/^0\.0{0,18}[1-9]$/),
  ).map((text) => decimal(text));
  const key = fc.tuple(time, time, volume);

  test("PostgreSQL's row comparison is the text order of candleRevision(), also near and at equality", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(key, key, fc.integer({ min: 0, max: 3 })), {
          minLength: 1,
          maxLength: 200,
        }),
        async (pairs) => {
          // half of the pairs share their first parts, or the comparison would seldom reach the volume
          const left = pairs.map(([a]) => a);
          const right = pairs.map(([a, b, shared]) =>
            [shared > 0 ? a[0] : b[0], shared > 1 ? a[1] : b[1], shared > 2 ? a[2] : b[2]] as const
          );
          const iso = (ms: number): string => new Date(ms).toISOString();
          const rows = await persist`
            SELECT (c1, t1, v1) > (c2, t2, v2) AS newer FROM unnest(
              ${left.map(([c]) => String(c))}::bigint[], ${
            left.map(([, t]) => iso(t))
          }::timestamptz[],
              ${left.map(([, , v]) => v as string)}::numeric[],
              ${right.map(([c]) => String(c))}::bigint[], ${
            right.map(([, t]) => iso(t))
          }::timestamptz[],
              ${right.map(([, , v]) => v as string)}::numeric[]
            ) AS t(c1, t1, v1, c2, t2, v2)`;
          expect(rows.map((row) => row["newer"])).toEqual(
            left.map((a, at) => candleRevision(...a) > candleRevision(...right[at]!)),
          );
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("days", () => {
  const made = async (day: string): Promise<boolean> => {
    const [row] = await persist`SELECT ensure_seconds_day(${day}::text::date) AS made`;
    return row!["made"] as boolean;
  };
  const days = async (): Promise<readonly string[]> => {
    const rows = await persist`
      SELECT c.relname AS name FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
      WHERE inhparent = 'market_candle_1s'::regclass ORDER BY 1`;
    return rows.map((row) => row["name"] as string);
  };

  test("are made once though several ask at the same time, and hold exactly one UTC day", async () => {
    const clients = Array.from({ length: 4 }, () => fresh.as("stofka_persist", 1));
    await Promise.all(
      clients.map((client) => client`SELECT ensure_seconds_day('2026-03-01'::date)`),
    );
    expect(await days()).toContain("market_candle_1s_20260301");
    const [row] = await persist`
      SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE relname = 'market_candle_1s_20260301'`;
    expect(row!["bound"]).toBe(
      "FOR VALUES FROM ('2026-03-01 00:00:00+00') TO ('2026-03-02 00:00:00+00')",
    );
  });

  test("once dropped, a day is never made again: it would hold a part of what it held", async () => {
    await made("2026-03-02");
    const [row] = await persist`SELECT drop_seconds_before('2026-03-02'::date) AS dropped`;
    expect(row!["dropped"]).toBe(1);
    expect(await made("2026-03-01")).toBe(false);
    expect(await made("2026-03-02")).toBe(true);
    // a smaller retention elsewhere does not bring the bound back
    await persist`SELECT drop_seconds_before('2026-01-01'::date)`;
    expect(await made("2026-03-01")).toBe(false);
    expect(await days()).not.toContain("market_candle_1s_20260301");
  });
});

describe("grants", () => {
  test("stream and repair read, and can neither write nor make anything", async () => {
    for (const role of ["stofka_stream", "stofka_repair"] as const) {
      const client = fresh.as(role, 1);
      await client`SELECT * FROM market_candle_1s`;
      await client`SELECT * FROM feed`;
      for (
        const statement of [
          "INSERT INTO candle_dirty VALUES (now(), 'KRW-BTC', '1m')",
          "DELETE FROM market",
          "UPDATE feed SET link = 'up'",
          "CREATE TABLE mine (id int)",
          "SELECT ensure_seconds_day('2026-04-01')",
          "SELECT drop_seconds_before('2030-01-01')",
        ]
      ) await expect(client.unsafe(statement), statement).rejects.toMatchObject({ code: "42501" });
    }
  });

  test("persist can neither delete a second, nor drop a table, nor change the schema", async () => {
    for (
      const statement of [
        "DELETE FROM market_candle_1s",
        "TRUNCATE market_candle_1s",
        "DROP TABLE candle_dirty",
        "CREATE TABLE mine (id int)",
        "INSERT INTO schema_migration (number, name, checksum) VALUES (99, 'x', 'x')",
        "UPDATE retention SET kept_since = '-infinity'",
      ]
    ) await expect(persist.unsafe(statement), statement).rejects.toMatchObject({ code: "42501" });
  });
});

describe("covered()", () => {
  const at = (second: number): string =>
    new Date(Date.UTC(2026, 5, 1) + second * 1_000).toISOString();
  const session = async (
    name: string,
    since: number,
    until: number,
    ended = true,
  ): Promise<void> => {
    await persist`
      INSERT INTO coverage_session (session, partition, markets, since, until, written_at, ended, cause)
      VALUES (${name}, 0, '{KRW-BTC,KRW-ETH}', ${at(since)}, ${at(until)}, ${
      at(until)
    }, ${ended}, 'started')`;
  };
  /** Covered seconds within the hour, as [from, to] pairs. */
  const covered = async (market: string): Promise<readonly (readonly number[])[]> => {
    const rows = await persist`
      SELECT extract(epoch FROM lower(r) - ${at(0)}::text::timestamptz)::float8 AS "from",
        extract(epoch FROM upper(r) - ${at(0)}::text::timestamptz)::float8 AS "to"
      FROM unnest(covered(${market}, ${at(0)}, ${at(3_600)})) AS r ORDER BY 1`;
    return rows.map((row) => [row["from"] as number, row["to"] as number]);
  };

  test("unites sessions and answers, each ended session 5 s less at both ends, without the holes", async () => {
    await session("a", 100, 200);
    expect(await covered("KRW-BTC")).toEqual([[105, 195]]);
    expect(await covered("KRW-XRP")).toEqual([]);
    // the gap 195–255 is closed by a hot spare's session, which overlaps
    await session("b", 180, 300);
    expect(await covered("KRW-BTC")).toEqual([[105, 295]]);
    await persist`
      INSERT INTO coverage_hole (market, since, until, cause)
      VALUES ('KRW-BTC', ${at(150)}, ${at(151)}, 'refused')`;
    expect(await covered("KRW-BTC")).toEqual([[105, 150], [151, 295]]);
    expect(await covered("KRW-ETH")).toEqual([[105, 295]]);
    // an answer of the exchange heals the hole
    await persist`
      INSERT INTO coverage_answer (market, interval, since, until, fetched_at)
      VALUES ('KRW-BTC', '1s', ${at(140)}, ${at(160)}, ${at(400)})`;
    expect(await covered("KRW-BTC")).toEqual([[105, 295]]);
  });

  test("a session that neither ended nor had a mark for 10 s counts as ended; a live one counts whole", async () => {
    await session("died", 1_000, 1_100, false);
    expect(await covered("KRW-ETH")).toContainEqual([1_005, 1_095]);
    await persist`
      INSERT INTO coverage_session (session, partition, markets, since, until, written_at, ended, cause)
      VALUES ('live', 1, '{KRW-LIVE}', now() - interval '60 s', now() + interval '1 s', now(), false, 'started')`;
    const [row] = await persist`
      SELECT covered('KRW-LIVE', now() - interval '60 s', now())
        = tstzmultirange(tstzrange(now() - interval '60 s', now())) AS whole`;
    expect(row!["whole"]).toBe(true);
  });
});
