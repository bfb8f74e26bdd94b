import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Market } from "#core/market.ts";
import { redisKeys } from "#core/redis_keys.ts";
import { exchangeNamespace } from "../../dev/stack/exchange_choice.ts";
import { exactJson, plain } from "./exact.ts";
import { Exchange } from "./exchange.ts";
import {
  type Difference,
  difference,
  keyOf,
  ledgerSeconds,
  listedMarkets,
  type Second,
  type StoredSecond,
  storedSeconds,
} from "./seconds.ts";
import { Stack, until } from "./stack.ts";
import { header, isNewer, kafkaOf, NewestSeconds, secondOf, wholeTopic } from "./topic.ts";

/**
 * `kill -9` of every part under load, once each, mended by nothing but the supervisor's restart. Afterwards:
 *
 * (a) every record that Kafka acknowledged is in PostgreSQL, in its newest revision;
 * (b) what is missing against the ledger lies between a kill of ingest and the first frame after it: no other part's death
 *     costs a second;
 * (c) Redis holds the newest revisions again.
 *
 * The exchange is a process of the test's own with five times the usual trading.
 */

/** Behind ingest first; ingest itself last. */
const PARTS = ["stream", "persist", "redis", "postgres", "kafka", "ingest"] as const;

const RECOVERED_MS_MAX = 60_000;
const SETTLED_MS = 4_000;
const CAUGHT_UP_S = 2.5;
/** A second's first frame comes this long after its start, and a last revision at most this long. */
const FIRST_FRAME_MS = 1_007;
const LAST_FRAME_MS = 2_500;
/** What was received but not yet acknowledged by Kafka dies with ingest. */
const UNACKNOWLEDGED_MS = 1_000;

interface Kill {
  readonly part: string;
  readonly atMs: number;
  readonly recoveredMs: number;
}

/** What the topic held, at the end. */
interface Seen {
  readonly newest: NewestSeconds;
  readonly records: number;
  /** By the frame's prefix, which each life of ingest draws anew: its first frame, ms. */
  readonly firstFrames: ReadonlyMap<string, number>;
}

let exchange: Exchange;
let stack: Stack;
let span: [sinceMs: number, untilMs: number];
let seen: Seen;
let truth: ReadonlyMap<string, Second>;
let stored: ReadonlyMap<string, StoredSecond>;
const kills: Kill[] = [];

beforeAll(async () => {
  exchange = await Exchange.start(["--seed", "7", "--rate", "5"]);
  stack = await Stack.start("bootstrap", ["--exchange", exchange.base]);
  const begunMs = Date.now();
  await sleep(3_000);
  for (const part of PARTS) {
    const before = stack.pid(part)!;
    const atMs = stack.kill(part);
    await stack.recovered(part, before, RECOVERED_MS_MAX);
    // not only ready: what piled up meanwhile is stored, so that the next kill meets an idle system
    await until(`${part}: seconds are stored as they come`, 60_000, async () => {
      const [row] = await stack.database`
        SELECT extract(epoch FROM clock_timestamp() - max(received_at))::float8 AS age
        FROM market_candle_1s WHERE starts_at > clock_timestamp() - interval '5 minutes'`;
      return row!["age"] !== null && row!["age"] < CAUGHT_UP_S && Date.now() > atMs + 3_000;
    });
    kills.push({ part, atMs, recoveredMs: Date.now() - atMs });
    await sleep(1_500);
  }
  await sleep(SETTLED_MS);
  // whole seconds that ingest can have seen from its start, and that can no longer change
  span = [
    Math.ceil(begunMs / 1000) * 1000,
    Math.floor((Date.now() - SETTLED_MS) / 1000) * 1000,
  ];
  await exchange.fault({ kind: "silence", for_ms: 600_000 });
  await handled();
  seen = await readTopic();
  truth = await ledgerSeconds(exchange.control, await listedMarkets(exchange.rest), ...span);
  stored = await storedSeconds(stack.database, 0, Date.now() + 60_000);
}, 600_000);

afterAll(async () => {
  const wrong = await stack?.stop();
  await exchange?.stop();
  expect(wrong).toEqual([]);
}, 60_000);

/** Resolves when persist has committed what the topics hold. */
async function handled(): Promise<void> {
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
    }, 300);
  } finally {
    await admin.disconnect();
  }
}

async function readTopic(): Promise<Seen> {
  const { kafka, topics } = stack.file;
  const newest = new NewestSeconds();
  const firstFrames = new Map<string, number>();
  const records = await wholeTopic(kafka, topics["market_candle_1s"]!, (message) => {
    const second = secondOf(message);
    if (second === undefined) return;
    newest.add(second);
    const life = header(message, "frame")!.slice(0, 6);
    const receivedMs = Number(header(message, "received_at"));
    firstFrames.set(life, Math.min(firstFrames.get(life) ?? Infinity, receivedMs));
  });
  return { newest, records, firstFrames };
}

test("every part was killed once and came back", () => {
  expect(kills.map(({ part }) => part)).toEqual([...PARTS]);
  const [sinceMs, untilMs] = span;
  const perSecond = Math.round(seen.records / ((untilMs - sinceMs) / 1000));
  console.log(
    [
      `${seen.records} candle records (${perSecond}/s), ${truth.size} true seconds`,
      ...kills.map(({ part, recoveredMs }) =>
        `${part}: seconds stored again ${(recoveredMs / 1000).toFixed(1)} s after the kill`
      ),
    ].join("\n"),
  );
  expect(truth.size).toBeGreaterThan(2_000);
});

test("(a) every record that Kafka acknowledged is in PostgreSQL, no older revision, nothing else", () => {
  const { missing, invented, different } = difference(seen.newest.seconds, stored);
  expect({ missing, invented, different }).toEqual({ missing: [], invented: [], different: [] });
});

describe("(b) against the ledger", () => {
  /** The silence of ingest: from its kill to the first frame of its next life. */
  function silence(): [sinceMs: number, untilMs: number] {
    const { atMs } = kills.find(({ part }) => part === "ingest")!;
    const next = [...seen.firstFrames.values()].filter((firstMs) => firstMs > atMs);
    expect(next.length).toBe(1);
    return [atMs, next[0]!];
  }

  /** Whether a frame of the second can have been due in the silence. */
  function dueInSilence({ startsAtMs }: Second, lastFrameMs: number): boolean {
    const [sinceMs, untilMs] = silence();
    return startsAtMs + lastFrameMs >= sinceMs - UNACKNOWLEDGED_MS &&
      startsAtMs + FIRST_FRAME_MS <= untilMs;
  }

  let found: Difference;
  beforeAll(() => {
    const inside = [...stored].filter(([, { startsAtMs }]) =>
      startsAtMs >= span[0] && startsAtMs < span[1]
    );
    found = difference(truth, new Map(inside));
  });

  test("missing seconds lie between the kill of ingest and its first frame after it", () => {
    const [sinceMs, untilMs] = silence();
    const byStart = new Map<number, number>();
    for (const { startsAtMs } of found.missing) {
      byStart.set(startsAtMs, (byStart.get(startsAtMs) ?? 0) + 1);
    }
    console.log(
      [
        `ingest silent from ${iso(sinceMs)} to ${iso(untilMs)}; missing against the ledger:`,
        ...[...byStart].sort(([a], [b]) => a - b)
          .map(([startsAtMs, count]) => `  ${iso(startsAtMs)} ${count} markets`),
      ].join("\n"),
    );
    expect(found.missing.filter((second) => !dueInSilence(second, FIRST_FRAME_MS))).toEqual([]);
    expect(found.missing.length).toBeGreaterThan(0); // a silence that cost nothing was none
  });

  test("a second held in an older revision had its last one due in that silence", () => {
    expect(
      found.different.filter(({ truth, held }) =>
        !(isNewer(truth, held) && dueInSilence(truth, LAST_FRAME_MS))
      ),
    ).toEqual([]);
  });

  test("nothing is invented", () => {
    expect(found.invented).toEqual([]);
  });
});

describe("(c) Redis", () => {
  let redis: Redis;
  const keys = () => redisKeys(exchangeNamespace({ kind: "other", base: exchange.base }));

  beforeAll(() => {
    redis = new Redis(stack.file.redis);
  });
  afterAll(() => redis?.disconnect());

  test("each market's newest second is the topic's", async () => {
    const newest = new Map<string, Second>();
    for (const second of seen.newest.seconds.values()) {
      const held = newest.get(second.market);
      if (held === undefined || second.startsAtMs > held.startsAtMs) {
        newest.set(second.market, second);
      }
    }
    const latest = await redis.hgetall(keys().candles);
    const held = new Map(
      Object.values(latest).map((value) => {
        const second = fromEvent(value.slice(value.indexOf(" ") + 1));
        return [second.market, second];
      }),
    );
    expect(difference(newest, held)).toEqual({ missing: [], invented: [], different: [] });
  });

  test("what it holds of newest seconds is in no older revision", async () => {
    const wrong: unknown[] = [];
    let count = 0;
    for (const market of new Set([...seen.newest.seconds.values()].map(({ market }) => market))) {
      for (const member of await redis.zrange(keys().seconds(market as Market), "0", "-1")) {
        const held = fromEvent(member.slice(member.indexOf(" ") + 1));
        const newest = seen.newest.seconds.get(keyOf(held));
        count++;
        if (newest === undefined || isNewer(newest, held)) wrong.push({ newest, held });
      }
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(500);
  });

  test("each market's ticker is the topic's newest", async () => {
    interface Ticker {
      readonly revision: readonly [number, number, number];
      readonly element: string;
    }
    const newest = new Map<string, Ticker>();
    await wholeTopic(stack.file.kafka, stack.file.topics["market_ticker"]!, (message) => {
      const element = message.value!.toString();
      const fields = exactJson(element) as Record<string, string>;
      const revision = [
        Number(fields["timestamp"]),
        Number(fields["trade_timestamp"]),
        Number(plain(fields["acc_trade_volume"]!)),
      ] as const;
      const market = message.key!.toString();
      const held = newest.get(market);
      const order = revision.findIndex((value, at) => value !== held?.revision[at]);
      if (held === undefined || (order >= 0 && revision[order]! > held.revision[order]!)) {
        newest.set(market, { revision, element });
      }
    });
    const latest = await redis.hgetall(keys().tickers);
    const held = Object.entries(latest).map(([market, value]) =>
      [market, value.slice(value.indexOf(" ") + 1)] as const
    );
    expect(newest.size).toBe(289);
    expect(Object.fromEntries(held)).toEqual(
      Object.fromEntries([...newest].map(([market, { element }]) => [market, element])),
    );
  });
});

/** A candle event as Redis holds it. */
function fromEvent(text: string): Second {
  const event = exactJson(text) as Record<string, string>;
  return {
    market: event["market"]!,
    startsAtMs: Number(event["starts_at_ms"]),
    lastTickAtMs: Number(event["last_tick_at_ms"]),
    open: plain(event["open"]!),
    high: plain(event["high"]!),
    low: plain(event["low"]!),
    close: plain(event["close"]!),
    volume: plain(event["volume"]!),
    turnover: plain(event["turnover"]!),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
