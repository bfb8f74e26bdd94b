import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../until.ts";
import type { Exchange } from "./exchange.ts";
import {
  difference,
  keyOf,
  ledgerSeconds,
  listedMarkets,
  type Second,
  type StoredSecond,
  storedSeconds,
} from "./seconds.ts";
import type { Stack } from "./stack.ts";
import { header, isNewer, kafkaOf, NewestSeconds, secondOf, wholeTopic } from "./topic.ts";

/**
 * What must hold after parts were killed, however often and in whatever order:
 *
 * (a) every record that Kafka acknowledged is in PostgreSQL, in its newest revision; what is there beyond, or newer, is an
 *     answer of the exchange's REST interface and as the ledger has it;
 * (b) what ingest missed against the ledger lies between a kill and the first frame after it, and no second that is missing is
 *     said to be covered.
 */

/** A second's first frame comes this long after its start, and a last revision at most this long. */
const FIRST_FRAME_MS = 1_007;
const LAST_FRAME_MS = 2_500;
/**
 * What was sent or received, but not yet acknowledged by Kafka, dies with ingest: what was due behind the newest second in the
 * topic and in that second's own cycle; on a starved machine that is more, but no more than the last.
 */
const CYCLE_MS = 1_000;
const UNACKNOWLEDGED_MS_MAX = 10_000;
/** After this a second can no longer change. */
const SETTLED_MS = 4_000;

export interface Kill {
  readonly part: string;
  readonly atMs: number;
  /** When everything was ready again and seconds were stored as they came. */
  readonly recoveredAtMs: number;
}

/** What the topic held, at the end. */
export interface Seen {
  readonly newest: NewestSeconds;
  readonly records: number;
  /** Of each life of ingest, which draws a prefix of its frames anew: when its first frame came, and its newest was due, ms. */
  readonly lives: readonly { readonly firstMs: number; readonly lastDueMs: number }[];
}

export interface Evidence {
  readonly span: readonly [sinceMs: number, untilMs: number];
  readonly seen: Seen;
  readonly truth: ReadonlyMap<string, Second>;
  readonly stored: ReadonlyMap<string, StoredSecond>;
  /** Keys of true seconds that are not stored, and yet said to be covered. */
  readonly falselyCovered: readonly string[];
}

/** Silences the exchange, lets everything be stored, and reads what topic, ledger and table hold. */
export async function gatherEvidence(
  stack: Stack,
  exchange: Exchange,
  sinceMs: number,
): Promise<Evidence> {
  await sleep(SETTLED_MS);
  // whole seconds that ingest can have seen from its start, and that can no longer change
  const span = [
    Math.ceil(sinceMs / 1000) * 1000,
    Math.floor((Date.now() - SETTLED_MS) / 1000) * 1000,
  ] as const;
  // a starved exchange is late; what it has not sent yet it would never send
  await until(
    "the exchange has sent all of the span",
    60_000,
    async () => await exchange.playedMs() >= span[1] + LAST_FRAME_MS,
  );
  await exchange.fault({ kind: "silence", for_ms: 600_000 });
  await allHandled(stack);
  const seen = await readTopic(stack);
  const truth = await ledgerSeconds(exchange.control, await listedMarkets(exchange.rest), ...span);
  const stored = await storedSeconds(stack.database, 0, Date.now() + 60_000);
  const missing = [...truth.values()].filter((second) => !stored.has(keyOf(second)));
  return { span, seen, truth, stored, falselyCovered: await coveredOf(stack, missing) };
}

/** Resolves when persist has committed what the topics hold. */
async function allHandled(stack: Stack): Promise<void> {
  const { kafka, topics } = stack.file;
  const admin = kafkaOf(kafka).admin();
  await admin.connect();
  const names = [topics["market_candle_1s"]!, topics["market_ticker"]!];
  const ends = await Promise.all(names.map((topic) => admin.fetchTopicOffsets(topic)));
  const groupId = names[0]!.replace("market_candle_1s", "stofka-persist");
  try {
    await until("persist has handled every record", 60_000, async () => {
      const committed = await admin.fetchOffsets({ groupId, topics: names });
      return names.every((topic, at) =>
        ends[at]!.every(({ partition, high }) => {
          const offset = committed.find((entry) => entry.topic === topic)!.partitions
            .find((entry) => entry.partition === partition)!.offset;
          return BigInt(offset) >= BigInt(high) || high === "0";
        })
      );
    }, { everyMs: 300 });
  } finally {
    await admin.disconnect();
  }
}

async function readTopic(stack: Stack): Promise<Seen> {
  const { kafka, topics } = stack.file;
  const newest = new NewestSeconds();
  const lives = new Map<string, { firstMs: number; lastDueMs: number }>();
  const records = await wholeTopic(kafka, topics["market_candle_1s"]!, (message) => {
    const second = secondOf(message);
    if (second === undefined) return;
    newest.add(second);
    const life = header(message, "frame")!.slice(0, 6);
    const receivedMs = Number(header(message, "received_at"));
    const { firstMs, lastDueMs } = lives.get(life) ?? { firstMs: Infinity, lastDueMs: 0 };
    lives.set(life, {
      firstMs: Math.min(firstMs, receivedMs),
      lastDueMs: Math.max(lastDueMs, second.startsAtMs + FIRST_FRAME_MS),
    });
  });
  return { newest, records, lives: [...lives.values()] };
}

async function coveredOf(stack: Stack, seconds: readonly Second[]): Promise<readonly string[]> {
  if (seconds.length === 0) return [];
  const rows = await stack.database`
    SELECT market, (extract(epoch FROM starts_at) * 1000)::bigint::text AS starts_at
    FROM unnest(
      ${seconds.map(({ market }) => market)}::text[],
      ${seconds.map(({ startsAtMs }) => new Date(startsAtMs).toISOString())}::timestamptz[]
    ) AS second (market, starts_at)
    WHERE covered(market, starts_at, starts_at + interval '1 s') @> starts_at
      -- one snapshot for both: repair may have brought it since it was found missing
      AND NOT EXISTS (
        SELECT FROM market_candle_1s stored
        WHERE stored.market = second.market AND stored.starts_at = second.starts_at
      )`;
  return rows.map((row) => `${row["market"]} ${row["starts_at"]}`);
}

/** From the newest second before a kill that Kafka acknowledged to the first frame after it. */
export interface Silence {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** One for each kill of ingest. With Kafka away at that moment, what it had received since Kafka's end died with it. */
export function silencesOf(kills: readonly Kill[], { lives }: Seen): readonly Silence[] {
  return kills.filter(({ part }) => part === "ingest").map(({ atMs }) => {
    const sinceMs = kills
      .filter((kill) => kill.part === "kafka" && kill.atMs <= atMs && atMs <= kill.recoveredAtMs)
      .reduce((least, kill) => Math.min(least, kill.atMs), atMs);
    const [killed] = lives.filter(({ firstMs }) => firstMs <= atMs)
      .sort((a, b) => b.firstMs - a.firstMs);
    const dueMs = Math.min(sinceMs, killed?.lastDueMs ?? sinceMs) - CYCLE_MS;
    return {
      sinceMs: Math.max(sinceMs - UNACKNOWLEDGED_MS_MAX, dueMs),
      untilMs: Math.min(...lives.map(({ firstMs }) => firstMs).filter((firstMs) => firstMs > atMs)),
    };
  });
}

export interface Verdict {
  /** (a) Acknowledged and not stored, or stored otherwise. */
  readonly lost: readonly Second[];
  readonly altered: readonly { readonly acknowledged: Second; readonly held: StoredSecond }[];
  /** Stored, and never so traded. */
  readonly invented: readonly StoredSecond[];
  /** (b) What ingest missed, and the part of it that no kill explains. */
  readonly missed: readonly Second[];
  readonly unexplained: readonly Second[];
  /** In an older revision than the ledger's although its last one was due in no silence. */
  readonly outdated: readonly { readonly truth: Second; readonly held: Second }[];
  readonly falselyCovered: readonly string[];
  /** Missed, and since stored from the exchange's answers. */
  readonly repaired: number;
}

/** Nothing in it but what is missed (and explained) and repaired, where all is well. */
export function judge(evidence: Evidence, kills: readonly Kill[]): Verdict {
  const { seen, truth, stored, span, falselyCovered } = evidence;
  const silences = silencesOf(kills, seen);
  const inside = ({ startsAtMs }: Second) => startsAtMs >= span[0] && startsAtMs < span[1];
  const dueInSilence = ({ startsAtMs }: Second, lastFrameMs: number) =>
    silences.some(({ sinceMs, untilMs }) =>
      startsAtMs + lastFrameMs >= sinceMs && startsAtMs + FIRST_FRAME_MS <= untilMs
    );
  const byTopic = difference(seen.newest.seconds, stored);
  const received = new Map([...seen.newest.seconds].filter(([, second]) => inside(second)));
  const byLedger = difference(truth, received);
  return {
    lost: byTopic.missing,
    altered: byTopic.different
      .map(({ truth: acknowledged, held }) => ({ acknowledged, held: held as StoredSecond }))
      .filter(({ acknowledged, held }) =>
        // behind the span, what the exchange would still have sent may be in its answers
        !(isAnswer(held) && !isNewer(acknowledged, held) && (!inside(held) || isTrue(held, truth)))
      ),
    invented: [
      ...byTopic.invented.map((held) => held as StoredSecond)
        .filter((held) => inside(held) && !(isAnswer(held) && isTrue(held, truth))),
      ...byLedger.invented.map((second) => stored.get(keyOf(second))!),
    ],
    missed: byLedger.missing,
    unexplained: byLedger.missing.filter((second) => !dueInSilence(second, FIRST_FRAME_MS)),
    outdated: byLedger.different.filter(({ truth, held }) =>
      !(isNewer(truth, held) && dueInSilence(truth, LAST_FRAME_MS))
    ),
    falselyCovered,
    repaired: byLedger.missing.filter((second) => stored.has(keyOf(second))).length,
  };
}

/** From the exchange's REST interface, not from its stream. */
function isAnswer({ origin }: StoredSecond): boolean {
  return origin !== "websocket" && origin !== "replay";
}

/** As the ledger has it; its turnover perhaps as the double that the exchange's REST interface writes. */
export function isTrue(held: Second, truth: ReadonlyMap<string, Second>): boolean {
  const second = truth.get(keyOf(held));
  if (second === undefined) return false;
  const { different } = difference(
    new Map([["", { ...second, turnover: held.turnover }]]),
    new Map([["", held]]),
  );
  return different.length === 0 && Number(second.turnover) === Number(held.turnover);
}

/** What is missing of a verdict to be clean, each with a few examples; empty when all is well. */
export function complaints(verdict: Verdict): readonly string[] {
  const { lost, altered, invented, unexplained, outdated, falselyCovered } = verdict;
  return Object.entries({ lost, altered, invented, unexplained, outdated, falselyCovered })
    .filter(([, found]) => found.length > 0)
    .map(([what, found]) =>
      `${found.length} ${what}: ${JSON.stringify((found as readonly unknown[]).slice(0, 3))}`
    );
}

/** Seconds by when they started: `12:00:01 17 markets`. */
export function missedLines({ missed }: Verdict): readonly string[] {
  const byStart = new Map<number, number>();
  for (const { startsAtMs } of missed) {
    byStart.set(startsAtMs, (byStart.get(startsAtMs) ?? 0) + 1);
  }
  return [...byStart].sort(([a], [b]) => a - b)
    .map(([startsAtMs, count]) => `${new Date(startsAtMs).toISOString()} ${count} markets`);
}
