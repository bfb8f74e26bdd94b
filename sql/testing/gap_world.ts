import fc from "fast-check";
import type { Database } from "#adapters/postgres.ts";

/** Everything gaps() looks at, and what it is asked. Times in ms. */
export interface GapWorld {
  readonly atMs: number;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly interval: string;
  readonly sessions: readonly WorldSession[];
  readonly feed: readonly WorldFeed[];
  readonly holes: readonly WorldRange[];
  readonly answers: readonly (WorldRange & { readonly interval: string })[];
}

interface WorldSession {
  readonly partition: number;
  readonly markets: readonly string[];
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly writtenAtMs: number;
  readonly cause: string;
  /** Null: it never said that it ended. */
  readonly endedBy: string | null;
}

interface WorldFeed {
  readonly partition: number;
  readonly writtenAtMs: number;
  readonly link: "up" | "down";
  readonly cause: string;
}

interface WorldRange {
  readonly market: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export interface TestGap {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly cause: string;
  readonly permanent: boolean;
  readonly provisional: boolean;
  readonly markets: readonly string[];
}

/** A whole minute. */
export const FROM_MS = Date.UTC(2026, 10, 22, 9, 0, 0);

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export async function storeWorld(sql: Database, world: GapWorld): Promise<void> {
  const rows = world.sessions.map((session, at) => ({
    session: `s${at}`,
    partition: session.partition,
    markets: session.markets,
    since: iso(session.sinceMs),
    until: iso(session.untilMs),
    written_at: iso(session.writtenAtMs),
    ended: session.endedBy !== null,
    cause: session.cause,
    ended_by: session.endedBy,
  }));
  await sql`
    INSERT INTO coverage_session (session, partition, markets, since, until, written_at, ended, cause, ended_by)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS t(
      session text, partition smallint, markets text[], since timestamptz, until timestamptz, written_at timestamptz,
      ended boolean, cause text, ended_by text)`;
  const feed = world.feed.map(({ partition, writtenAtMs, link, cause }) => ({
    partition,
    written_at: iso(writtenAtMs),
    link,
    cause,
  }));
  await sql`
    INSERT INTO feed (partition, written_at, link, cause)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(feed)}::text::jsonb) AS t(
      partition smallint, written_at timestamptz, link text, cause text)`;
  const ranges = (of: readonly WorldRange[]): string =>
    JSON.stringify(
      of.map((one) => ({ ...one, since: iso(one.sinceMs), until: iso(one.untilMs) })),
    );
  await sql`
    INSERT INTO coverage_hole (market, since, until, cause)
    SELECT market, since, until, 'refused'
    FROM jsonb_to_recordset(${ranges(world.holes)}::text::jsonb) AS t(
      market text, since timestamptz, until timestamptz) ON CONFLICT DO NOTHING`;
  await sql`
    INSERT INTO coverage_answer (market, interval, since, until, fetched_at)
    SELECT market, interval, since, until, until
    FROM jsonb_to_recordset(${ranges(world.answers)}::text::jsonb) AS t(
      market text, interval text, since timestamptz, until timestamptz) ON CONFLICT DO NOTHING`;
}

export async function readGaps(
  sql: Database,
  { atMs, sinceMs, untilMs, interval }: GapWorld,
  markets: readonly string[] | null,
  limit = 10_000,
): Promise<readonly TestGap[]> {
  const rows = await sql`
    SELECT * FROM gaps(${iso(atMs)}::text::timestamptz, ${iso(sinceMs)}::text::timestamptz,
      ${iso(untilMs)}::text::timestamptz, ${
    markets && [...markets]
  }::text[], ${interval}, ${limit})`;
  return rows.map((row) => ({
    sinceMs: (row["since"] as Date).getTime(),
    untilMs: (row["until"] as Date).getTime(),
    cause: row["cause"] as string,
    permanent: row["permanent"] as boolean,
    provisional: row["provisional"] as boolean,
    markets: row["markets"] as string[],
  }));
}

/** `market second` -> `cause open`; a second that is in two gaps is an error. */
export function secondsOf(gaps: readonly TestGap[]): ReadonlyMap<string, string> {
  const seconds = new Map<string, string>();
  for (const { markets, sinceMs, untilMs, cause, provisional } of gaps) {
    if (sinceMs % 1_000 !== 0 || untilMs % 1_000 !== 0 || sinceMs >= untilMs) {
      throw new Error(`${iso(sinceMs)} to ${iso(untilMs)} are not whole seconds`);
    }
    for (const market of markets) {
      for (let ms = sinceMs; ms < untilMs; ms += 1_000) {
        const key = `${market} ${(ms - FROM_MS) / 1_000}`;
        if (seconds.has(key)) throw new Error(`${key} is missing twice`);
        seconds.set(key, `${cause}${provisional ? " open" : ""}`);
      }
    }
  }
  return seconds;
}

const LESS_MS = 5_000;
const FRESH_MS = 10_000;

interface Cover {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly session: WorldSession;
}

/** What {@link secondsOf} should find: each second of each market asked for itself, from its first uncovered millisecond. */
export function expectedSeconds(world: GapWorld): ReadonlyMap<string, string> {
  const seconds = new Map<string, string>();
  const markets = new Set(world.sessions.flatMap(({ markets }) => markets));
  const firstMs = Math.floor(world.sinceMs / 1_000) * 1_000;
  const lastMs = Math.ceil(world.untilMs / 1_000) * 1_000;
  for (const market of markets) {
    const own = world.sessions.filter((session) => session.markets.includes(market));
    const running = (session: WorldSession): boolean =>
      session.endedBy === null && session.writtenAtMs >= world.atMs - FRESH_MS;
    const covers: readonly Cover[] = own.map((session) => ({
      sinceMs: session.sinceMs + LESS_MS,
      untilMs: session.untilMs - (running(session) ? 0 : LESS_MS),
      session,
    })).filter(({ sinceMs, untilMs }) => sinceMs < untilMs);
    const runningUntil = own.filter(running).map(({ untilMs }) => untilMs);
    const feed = world.feed.find(({ partition, writtenAtMs }) =>
      partition === own[0]!.partition && writtenAtMs >= world.atMs - FRESH_MS
    );
    const horizonMs = runningUntil.length > 0
      ? Math.max(...runningUntil)
      : feed?.writtenAtMs ?? world.atMs - FRESH_MS;
    const feedCause = runningUntil.length === 0 && feed?.link === "down" ? feed.cause : null;
    const claimedMs = Math.min(...covers.map(({ sinceMs }) => sinceMs));
    const openMs = Math.floor(horizonMs / 1_000) * 1_000;
    for (let second = firstMs; second < lastMs; second += 1_000) {
      const key = `${market} ${(second - FROM_MS) / 1_000}`;
      if (answered(world, market, second)) continue;
      const atMs = uncovered(covers, Math.max(second, claimedMs));
      if (atMs < second + 1_000 && atMs < horizonMs && second + 1_000 <= openMs) {
        const why = told(own, covers, atMs, horizonMs, feedCause);
        // what an answer has cut off no longer reaches up to now
        let open = why.open && openMs <= lastMs;
        for (let later = second; open && later < openMs; later += 1_000) {
          open = !answered(world, market, later);
        }
        seconds.set(key, `${why.cause}${open ? " open" : ""}`);
        continue;
      }
      if (
        world.holes.some((hole) =>
          hole.market === market && hole.sinceMs < second + 1_000 && hole.untilMs > second
        )
      ) seconds.set(key, "not_stored");
    }
  }
  return seconds;
}

function answered({ answers, interval }: GapWorld, market: string, second: number): boolean {
  return answers.some((answer) =>
    answer.market === market && answer.sinceMs <= second && answer.untilMs >= second + 1_000 &&
    (answer.interval === "1s" ||
      (answer.interval === "1m" && interval === "1m" &&
        minuteOf(answer.sinceMs + 59_999) <= second &&
        minuteOf(answer.untilMs) >= second + 1_000))
  );
}

function minuteOf(ms: number): number {
  return Math.floor(ms / 60_000) * 60_000;
}

/** The first time from `atMs` on that nothing covers. */
function uncovered(covers: readonly Cover[], atMs: number): number {
  for (;;) {
    const cover = covers.find(({ sinceMs, untilMs }) => sinceMs <= atMs && untilMs > atMs);
    if (cover === undefined) return atMs;
    atMs = cover.untilMs;
  }
}

function told(
  own: readonly WorldSession[],
  covers: readonly Cover[],
  atMs: number,
  horizonMs: number,
  feedCause: string | null,
): { cause: string; open: boolean } {
  const before = covers.filter(({ untilMs }) => untilMs <= atMs);
  const sinceMs = Math.max(...before.map(({ untilMs }) => untilMs));
  const previous = before.filter(({ untilMs }) => untilMs === sinceMs);
  const next = covers.filter((cover) => cover.sinceMs > atMs)
    .sort((a, b) => a.sinceMs - b.sinceMs)[0];
  const untilMs = next?.sinceMs ?? horizonMs;
  const begun = Math.max(...before.map(({ session }) => session.sinceMs));
  const started = own.filter((session) => session.sinceMs > begun)
    .sort((a, b) => a.sinceMs - b.sinceMs)[0];
  const nextCause = started?.cause ?? feedCause;
  const why = previous.every(({ session }) => session.endedBy !== null)
    ? previous.map(({ session }) => session.endedBy!).sort().at(-1)!
    : nextCause;
  return { cause: named(why, nextCause, untilMs - sinceMs), open: next === undefined };
}

function named(why: string | null, nextCause: string | null, lastedMs: number): string {
  switch (why) {
    case "closed":
    case "rejected":
      return lastedMs >= 70_000 && why === nextCause ? "maintenance" : "link_lost";
    case "quiet":
      return lastedMs >= 70_000 && why === nextCause ? "maintenance" : "silent_link";
    case "silent":
      return "silent_link";
    case "started":
    case "stopped":
      return "restart";
    case "error":
      return "unreadable";
    case "kafka_away":
    case "markets_changed":
      return why;
    default:
      return "unknown";
  }
}

const CAUSES = [
  "started",
  "closed",
  "error",
  "silent",
  "quiet",
  "rejected",
  "markets_changed",
  "kafka_away",
  "stopped",
];

/** Spans in ms, so that seconds are cut at odd places. */
const span = (fromS: number, toS: number) =>
  fc.oneof(
    fc.integer({ min: fromS, max: toS }).map((s) => s * 1_000),
    fc.integer({ min: fromS * 1_000, max: toS * 1_000 }),
  );

/** One ingest: sessions behind each other, each with its markets; the last may be running. */
const ingest = fc.tuple(
  span(0, 60),
  fc.array(
    fc.record({
      lastsMs: fc.oneof(span(0, 14), span(10, 120)),
      pauseMs: fc.oneof(span(0, 3), span(0, 90)),
      kind: fc.constantFrom(...CAUSES),
      silently: fc.boolean(),
      without: fc.constantFrom(null, null, null, "KRW-B"),
    }),
    { minLength: 1, maxLength: 7 },
  ),
);

/** The markets of each partition. */
const PARTITION_MARKETS = [["KRW-A", "KRW-B"], ["KRW-C"]];

const LENGTH_S = 500;
const range = fc.record({
  market: fc.constantFrom("KRW-A", "KRW-B", "KRW-C"),
  fromMs: span(0, LENGTH_S),
  lengthMs: span(1, 90),
});

/** A few minutes of one or two ingests, odd ones included. */
export const gapWorld: fc.Arbitrary<GapWorld> = fc.record({
  ingests: fc.array(ingest, { minLength: 1, maxLength: 2 }),
  atMs: span(60, LENGTH_S),
  window: fc.tuple(span(-20, 200), span(1, LENGTH_S)),
  interval: fc.constantFrom("1s", "1s", "1m"),
  feed: fc.array(
    fc.record({
      agoMs: span(0, 20),
      link: fc.constantFrom("up" as const, "down" as const),
      cause: fc.constantFrom(...CAUSES),
    }),
    { maxLength: 2 },
  ),
  holes: fc.array(range, { maxLength: 3 }),
  answers: fc.array(fc.tuple(range, fc.constantFrom("1s", "1s", "1m", "5m")), { maxLength: 6 }),
}).map(({ ingests, atMs: at, window, interval, feed, holes, answers }) => {
  const atMs = FROM_MS + at;
  const sessions = ingests.flatMap(([startMs, parts], which) => {
    let nowMs = FROM_MS + startMs;
    let cause = "started";
    return parts.flatMap(({ lastsMs, pauseMs, kind, silently, without }, place) => {
      const sinceMs = nowMs;
      const untilMs = Math.min(sinceMs + lastsMs, atMs);
      nowMs = untilMs + pauseMs;
      if (sinceMs >= atMs) return [];
      const last = place === parts.length - 1 || nowMs >= atMs;
      const running = last && silently;
      const endedBy = running || silently ? null : kind;
      const own = PARTITION_MARKETS.map((markets, partition) => ({
        partition,
        markets: markets.filter((market) => market !== without),
        sinceMs,
        // partitions differ by what was stored of them
        untilMs: Math.max(sinceMs, untilMs - partition * (which + place) * 7),
        writtenAtMs: running ? Math.min(atMs, untilMs + 9_000) : untilMs,
        cause,
        endedBy,
      }));
      cause = silently ? "started" : kind;
      return own;
    });
  });
  const placed = (
    { market, fromMs, lengthMs }: { market: string; fromMs: number; lengthMs: number },
  ) => ({
    market,
    sinceMs: FROM_MS + fromMs,
    untilMs: FROM_MS + fromMs + lengthMs,
  });
  return {
    atMs,
    sinceMs: FROM_MS + window[0],
    untilMs: FROM_MS + window[0] + window[1],
    interval,
    sessions,
    feed: feed.map(({ agoMs, link, cause }, partition) => ({
      partition,
      writtenAtMs: atMs - agoMs,
      link,
      cause,
    })),
    holes: holes.map(placed),
    answers: answers.map(([one, of]) => ({ ...placed(one), interval: of })),
  };
});
