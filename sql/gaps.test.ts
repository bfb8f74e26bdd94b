import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "#adapters/postgres.ts";
import {
  expectedSeconds,
  FROM_MS,
  type GapWorld,
  gapWorld,
  iso,
  readGaps,
  secondsOf,
  storeWorld,
  type TestGap,
} from "./testing/gap_world.ts";
import { type TestDatabase, testDatabase } from "./testing/database.ts";
import { clear } from "./testing/history.ts";

let database: TestDatabase;
let sql: Database;
beforeAll(async () => {
  database = await testDatabase();
  sql = database.sql;
});
afterEach(() => empty());
afterAll(() => database.drop());

async function empty(): Promise<void> {
  await clear(sql);
  await sql`DELETE FROM feed`;
  await sql`DELETE FROM market`;
}

/** A world of one market where a test names only what matters; times in seconds after FROM_MS. */
interface Plan {
  readonly sessions?: readonly {
    readonly since: number;
    readonly until: number;
    readonly cause?: string;
    /** Null: it never said that it ended. */
    readonly endedBy?: string | null;
    readonly markets?: readonly string[];
    readonly partition?: number;
    readonly writtenAt?: number;
  }[];
  readonly at?: number;
  readonly since?: number;
  readonly until?: number;
  readonly feed?: {
    readonly writtenAt: number;
    readonly link?: "up" | "down";
    readonly cause?: string;
  };
  readonly markets?: readonly string[] | null;
  readonly interval?: string;
  readonly limit?: number;
}

const ms = (second: number): number => FROM_MS + Math.round(second * 1_000);

async function gapsOf(plan: Plan, before?: () => Promise<unknown>): Promise<readonly TestGap[]> {
  const at = plan.at ?? 1_000;
  const world: GapWorld = {
    atMs: ms(at),
    sinceMs: ms(plan.since ?? -1_000),
    untilMs: ms(plan.until ?? at),
    interval: plan.interval ?? "1s",
    sessions: (plan.sessions ?? []).map((session) => ({
      partition: session.partition ?? 0,
      markets: session.markets ?? ["KRW-BTC"],
      sinceMs: ms(session.since),
      untilMs: ms(session.until),
      writtenAtMs: ms(session.writtenAt ?? session.until),
      cause: session.cause ?? "started",
      endedBy: session.endedBy === undefined ? "closed" : session.endedBy,
    })),
    feed: plan.feed === undefined ? [] : [{
      partition: 0,
      writtenAtMs: ms(plan.feed.writtenAt),
      link: plan.feed.link ?? "up",
      cause: plan.feed.cause ?? "started",
    }],
    holes: [],
    answers: [],
  };
  await storeWorld(sql, world);
  await before?.();
  return await readGaps(sql, world, plan.markets ?? null, plan.limit);
}

/** [since, until, cause] in seconds after FROM_MS. */
function brief(gaps: readonly TestGap[]): readonly (readonly [number, number, string])[] {
  return gaps.map(({ sinceMs, untilMs, cause }) => [
    (sinceMs - FROM_MS) / 1_000,
    (untilMs - FROM_MS) / 1_000,
    cause,
  ]);
}

/** Sessions around a break: how the first ended, and why the next began. */
const broken = (endedBy: string | null, cause: string, lasted = 5) => [
  { since: 0, until: 100.4, endedBy },
  { since: 100.4 + lasted, until: 1_000, cause, endedBy: null },
];

describe("causes", () => {
  test.each([
    ["closed", "closed", 5, "link_lost"],
    ["rejected", "rejected", 5, "link_lost"],
    ["closed", "closed", 61, "maintenance"],
    ["rejected", "rejected", 61, "maintenance"],
    ["quiet", "quiet", 61, "maintenance"],
    // we were not there to be refused
    ["closed", "started", 61, "link_lost"],
    ["quiet", "quiet", 5, "silent_link"],
    // may be our own network
    ["silent", "silent", 300, "silent_link"],
    ["stopped", "started", 5, "restart"],
    // kill -9: the session never ended
    [null, "started", 5, "restart"],
    // its last marks never came through
    [null, "kafka_away", 5, "kafka_away"],
    ["kafka_away", "kafka_away", 600, "kafka_away"],
    ["markets_changed", "markets_changed", 1, "markets_changed"],
    ["error", "error", 2, "unreadable"],
    ["something new", "started", 5, "unknown"],
  ])(
    "a session ended by %s, the next begun after %s, %i s later: %s",
    async (by, cause, lasted, named) => {
      const gaps = await gapsOf({ sessions: broken(by, cause, lasted) });
      expect(brief(gaps)).toEqual([[95, Math.ceil(105.4 + lasted), named]]);
      expect(gaps[0]).toMatchObject({ permanent: false, provisional: false, markets: ["KRW-BTC"] });
    },
  );

  test("short sessions between two breaks cover nothing, and the first of them tells of the kill", async () => {
    expect(brief(
      await gapsOf({
        sessions: [
          { since: 0, until: 100, endedBy: null },
          { since: 110, until: 118, cause: "started" },
          { since: 125, until: 1_000, cause: "closed", endedBy: null },
        ],
      }),
    )).toEqual([[95, 130, "restart"]]);
  });

  test("what was refused is not_stored, unless it lies in a gap anyway", async () => {
    const gaps = await gapsOf({ sessions: broken("closed", "closed") }, async () => {
      for (const second of [50, 51, 100, 200]) {
        await sql`INSERT INTO coverage_hole (market, since, until, cause) VALUES ('KRW-BTC',
          ${iso(ms(second))}::text::timestamptz, ${
          iso(ms(second + 1))
        }::text::timestamptz, 'refused')`;
      }
    });
    expect(brief(gaps)).toEqual([[200, 201, "not_stored"], [95, 111, "link_lost"], [
      50,
      52,
      "not_stored",
    ]]);
  });
});

describe("extent", () => {
  test("two ingests that take over from each other leave no gap; with less than 10 s together they do", async () => {
    const shift = (since: number, until: number) => ({ since, until, endedBy: "stopped" });
    expect(await gapsOf({ sessions: [shift(0, 400), shift(390, 700), shift(689, 1_000)] }))
      .toEqual([]);
    await empty();
    expect(brief(
      await gapsOf({ sessions: [shift(0, 400), shift(391, 700), shift(690, 1_000)], until: 900 }),
    )).toEqual([[395, 396, "restart"]]);
  });

  test("two breaks that meet within a second do not lose it", async () => {
    const sessions = [{ since: 27.001, until: 79.001, endedBy: "stopped" }, {
      since: 80.001,
      until: 90.002,
      endedBy: "stopped",
    }];
    expect(brief(await gapsOf({ sessions, at: 96, until: 75 }))).toEqual([[74, 75, "restart"]]);
  });

  test("what came after a running session's newest mark is not known yet, and its first 5 s are a gap", async () => {
    const sessions = [{ since: 0, until: 100, endedBy: "stopped" }, {
      since: 102,
      until: 990,
      writtenAt: 998,
      endedBy: null,
    }];
    expect(brief(await gapsOf({ sessions, feed: { writtenAt: 999 } }))).toEqual([[
      95,
      107,
      "restart",
    ]]);
  });

  test.each(
    [
      ["the link is down and says so", { writtenAt: 999.5, link: "down", cause: "closed" }, [
        [95, 999, "maintenance"],
      ]],
      ["ingest came back without a link", { writtenAt: 999.5, link: "down", cause: "started" }, [[
        95,
        999,
        "link_lost",
      ]]],
      ["nobody says anything", { writtenAt: 500, link: "up", cause: "started" }, [[
        95,
        990,
        "link_lost",
      ]]],
    ] as const,
  )("an open gap is provisional: %s", async (_, feed, expected) => {
    const gaps = await gapsOf({ sessions: [{ since: 0, until: 100, endedBy: "closed" }], feed });
    expect(brief(gaps)).toEqual(expected);
    expect(gaps[0]!.provisional).toBe(true);
  });

  test("asked for up to a time that is past, the same gap is not provisional", async () => {
    const [gap] = await gapsOf({ sessions: [{ since: 0, until: 100 }], until: 500 });
    expect(gap).toMatchObject({ untilMs: ms(500), provisional: false });
  });

  test("a market is claimed from its first session to its delisting, and in between also where the exchange ignored it", async () => {
    const two = ["KRW-BTC", "KRW-NEW"];
    await sql`INSERT INTO market (market, korean_name, english_name, listing, first_seen_at, last_seen_at, delisted_at)
      SELECT market, '', '', '{}', now(), now(), delisted_at::timestamptz FROM unnest(
        ARRAY['KRW-BTC', 'KRW-NEW', 'KRW-NOPE', 'KRW-OLD'],
        ${[null, null, null, iso(ms(700.5))]}::text[]) AS t(market, delisted_at)`;
    const gaps = await gapsOf({
      sessions: [
        { since: 0, until: 100, markets: ["KRW-BTC", "KRW-OLD"], endedBy: "markets_changed" },
        {
          since: 90,
          until: 300,
          markets: [...two, "KRW-OLD"],
          cause: "markets_changed",
          endedBy: "markets_changed",
        },
        {
          since: 290,
          until: 500,
          markets: ["KRW-BTC"],
          cause: "markets_changed",
          endedBy: "markets_changed",
        },
        { since: 490, until: 1_000, markets: two, cause: "markets_changed", endedBy: null },
      ],
      feed: { writtenAt: 1_000 },
    });
    expect(gaps.map(({ sinceMs, untilMs, markets }) => [
      (sinceMs - FROM_MS) / 1_000,
      (untilMs - FROM_MS) / 1_000,
      ...markets,
    ])).toEqual([[295, 700, "KRW-OLD"], [295, 495, "KRW-NEW"]]);
  });

  test("a market that no session near the stretch holds is looked for further back", async () => {
    await sql`INSERT INTO market (market, korean_name, english_name, listing, first_seen_at, last_seen_at)
      SELECT m, '', '', '{}', now(), now() FROM unnest(ARRAY['KRW-BTC', 'KRW-LOST', 'KRW-NEVER']) AS m`;
    const sessions = Array.from({ length: 200 }, (_, at) => ({
      since: at * 20,
      until: at * 20 + 30,
      markets: at === 0 ? ["KRW-BTC", "KRW-LOST"] : ["KRW-BTC"],
      endedBy: at === 199 ? null : "stopped",
    }));
    const gaps = await gapsOf({
      sessions,
      feed: { writtenAt: 4_010 },
      at: 4_010,
      since: 3_900,
      until: 3_950,
    });
    expect(gaps).toMatchObject([{ markets: ["KRW-LOST"], sinceMs: ms(3_900), untilMs: ms(3_950) }]);
  });

  test("what is older than three months is permanent, cut at the wall; so is what we no longer keep", async () => {
    const at = 89 * 86_400 + 110;
    const sessions = [{ since: 0, until: 100.4, endedBy: "stopped" }, {
      since: 130.4,
      until: at,
      endedBy: null,
    }];
    const feed = { writtenAt: at };
    const both = await gapsOf({ sessions, feed, at });
    expect(both).toMatchObject([
      { sinceMs: ms(110), untilMs: ms(136), permanent: false, cause: "restart" },
      { sinceMs: ms(95), untilMs: ms(110), permanent: true, cause: "restart" },
    ]);
    await empty();
    await sql`UPDATE retention SET kept_since = ${iso(ms(200))}::text::timestamptz
      WHERE relation = 'market_candle_1s'`;
    expect(await gapsOf({ sessions, feed, at })).toMatchObject([{ permanent: true }]);
  });

  test("answers close it: of seconds in every interval, of a minute from a minute up", async () => {
    const answers = async () => {
      await sql`INSERT INTO coverage_answer (since, until, fetched_at, market, interval)
        SELECT s::timestamptz, u::timestamptz, now(), 'KRW-BTC', i FROM unnest(
          ${[iso(ms(90)), iso(ms(60))]}::text[], ${[
        iso(ms(100)),
        iso(ms(180)),
      ]}::text[], ARRAY['1s', '1m']) AS t(s, u, i)`;
    };
    const sessions = broken("closed", "closed");
    expect(brief(await gapsOf({ sessions }, answers))).toEqual([[100, 111, "link_lost"]]);
    await empty();
    for (const interval of ["1m", "5m", "1mo"]) {
      expect(await gapsOf({ sessions, interval }, answers)).toEqual([]);
      await empty();
    }
  });

  test("at most so many, the newest", async () => {
    const sessions = Array.from({ length: 30 }, (_, at) => ({
      since: at * 30,
      until: at * 30 + 30,
    }));
    const gaps = await gapsOf({ sessions, limit: 3, until: 870 });
    expect(brief(gaps)).toEqual([[865, 870, "link_lost"], [835, 845, "link_lost"], [
      805,
      815,
      "link_lost",
    ]]);
  });
});

test(
  "over random sessions, holes and answers: each second, its cause and its openness, as counted second by second",
  async () => {
    let missing = 0;
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(gapWorld, async (world) => {
        await empty();
        await storeWorld(sql, world);
        const found = secondsOf(await readGaps(sql, world, null));
        const expected = expectedSeconds(world);
        expect([...found].sort()).toEqual([...expected].sort());
        missing += expected.size;
        for (const kind of expected.values()) kinds.add(kind);
      }),
      { numRuns: 150 },
    );
    // a world without gaps would prove nothing
    expect(missing).toBeGreaterThan(5_000);
    expect(kinds.size).toBeGreaterThan(8);
  },
  120_000,
);
