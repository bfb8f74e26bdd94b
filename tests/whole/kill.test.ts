import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Market } from "#core/market.ts";
import { redisKeys } from "#core/redis_keys.ts";
import { exchangeNamespace } from "../../dev/stack/exchange_choice.ts";
import { exactJson, plain } from "./exact.ts";
import { Exchange } from "./exchange.ts";
import {
  type Evidence,
  gatherEvidence,
  isTrue,
  judge,
  type Kill,
  missedLines,
  silencesOf,
  type Verdict,
} from "./oracle.ts";
import { allRecovered } from "./recovery.ts";
import { difference, keyOf, type Second } from "./seconds.ts";
import { Stack } from "./stack.ts";
import { isNewer, wholeTopic } from "./topic.ts";

/**
 * `kill -9` of every part under load, once each, mended by nothing but the supervisor's restart. Afterwards what oracle.ts
 * says of topic, ledger and table holds, and
 *
 * (c) Redis holds the newest revisions again.
 *
 * The exchange is a process of the test's own with five times the usual trading.
 */

/** Behind ingest first; ingest itself last. */
const PARTS = ["stream", "persist", "redis", "postgres", "kafka", "ingest"] as const;

const RECOVERED_MS_MAX = 120_000;
/** So long the exchange takes no new connection after ingest was killed. */
const REFUSED_MS = 4_000;

let exchange: Exchange;
let stack: Stack;
let evidence: Evidence;
let verdict: Verdict;
const kills: Kill[] = [];

beforeAll(async () => {
  exchange = await Exchange.start(["--seed", "7", "--rate", "5"]);
  stack = await Stack.start("bootstrap", ["--exchange", exchange.base]);
  const begunMs = Date.now();
  await sleep(3_000);
  for (const part of PARTS) {
    const before = stack.pid(part)!;
    // ingest comes back within the second whose first frame is still to come: without this its death may cost nothing
    if (part === "ingest") await exchange.fault({ kind: "refuse", for_ms: REFUSED_MS });
    const atMs = stack.kill(part);
    await allRecovered(stack, new Map([[part, before]]), atMs, RECOVERED_MS_MAX);
    kills.push({ part, atMs, recoveredAtMs: Date.now() });
    await sleep(1_500);
  }
  evidence = await gatherEvidence(stack, exchange, begunMs);
  verdict = judge(evidence, kills);
}, 600_000);

afterAll(async () => {
  const wrong = await stack?.stop();
  await exchange?.stop();
  expect(wrong).toEqual([]);
});

test("every part was killed once and came back", () => {
  expect(kills.map(({ part }) => part)).toEqual([...PARTS]);
  const [sinceMs, untilMs] = evidence.span;
  const { records } = evidence.seen;
  const perSecond = Math.round(records / ((untilMs - sinceMs) / 1000));
  console.log(
    [
      `${records} candle records (${perSecond}/s), ${evidence.truth.size} true seconds`,
      ...kills.map(({ part, atMs, recoveredAtMs }) =>
        `${part}: seconds stored again ${
          ((recoveredAtMs - atMs) / 1000).toFixed(1)
        } s after the kill`
      ),
    ].join("\n"),
  );
  expect(evidence.truth.size).toBeGreaterThan(2_000);
});

test("(a) every record that Kafka acknowledged is in PostgreSQL, no older revision, nothing else", () => {
  const { lost, altered, invented } = verdict;
  expect({ lost, altered, invented }).toEqual({ lost: [], altered: [], invented: [] });
});

describe("(b) against the ledger", () => {
  test("missed seconds lie between the kill of ingest and its first frame after it", () => {
    const [silence] = silencesOf(kills, evidence.seen);
    console.log(
      [
        `ingest silent from ${iso(silence!.sinceMs)} to ${
          iso(silence!.untilMs)
        }; missed, of which ${verdict.repaired} were repaired:`,
        ...missedLines(verdict).map((line) => `  ${line}`),
      ].join("\n"),
    );
    expect(verdict.unexplained).toEqual([]);
    expect(verdict.missed.length).toBeGreaterThan(0); // nothing else of (b) says anything without
  });

  test("a second held in an older revision had its last one due in that silence", () => {
    expect(verdict.outdated).toEqual([]);
  });

  test("no missing second is said to be covered", () => {
    expect(verdict.falselyCovered).toEqual([]);
  });
});

describe("(c) Redis", () => {
  let redis: Redis;
  const keys = () => redisKeys(exchangeNamespace({ kind: "other", base: exchange.base }));

  beforeAll(() => {
    redis = new Redis(stack.file.redis);
  });
  afterAll(() => redis?.disconnect());

  test("each market's newest second is the topic's, or what repair brought since", async () => {
    const newest = new Map<string, Second>();
    for (const second of evidence.seen.newest.seconds.values()) {
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
    const [, untilMs] = evidence.span;
    const wrong = [...newest].map(([market, topics]) => ({ topics, own: held.get(market) }))
      .filter(({ topics, own }) => {
        if (own === undefined || own.startsAtMs < topics.startsAtMs) return true;
        if (own.startsAtMs === topics.startsAtMs && isNewer(topics, own)) return true;
        // of repair: true, or of seconds that could still change
        const { different } = difference(new Map([["", topics]]), new Map([["", own]]));
        return different.length > 0 && own.startsAtMs < untilMs && !isTrue(own, evidence.truth);
      });
    expect(wrong).toEqual([]);
    expect(held.size).toBeGreaterThan(0);
  });

  test("what it holds of newest seconds is in no older revision", async () => {
    const wrong: unknown[] = [];
    let count = 0;
    for (
      const market of new Set(
        [...evidence.seen.newest.seconds.values()].map(({ market }) => market),
      )
    ) {
      for (const member of await redis.zrange(keys().seconds(market as Market), "0", "-1")) {
        const held = fromEvent(member.slice(member.indexOf(" ") + 1));
        // what repair brought was in no record of ours: the ledger knows what lies in the span
        if (held.startsAtMs < evidence.span[0] || held.startsAtMs >= evidence.span[1]) continue;
        const newest = evidence.seen.newest.seconds.get(keyOf(held)) ??
          evidence.truth.get(keyOf(held));
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
