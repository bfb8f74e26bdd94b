import { Buffer } from "node:buffer";
import fc from "fast-check";
import { pino } from "pino";
import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import { decodeMark, type Mark } from "#core/mark.ts";
import type { Market } from "#core/market.ts";
import type { Namespace } from "#core/namespace.ts";
import { partitionOf } from "#core/partition.ts";
import { HEADERS } from "#core/topics.ts";
import { Collector } from "./collector.ts";
import { frameIds } from "./frame_id.ts";
import { collectorGauges } from "./gauges.ts";
import type { Connection } from "./link.ts";
import { ingestMetrics } from "./metrics.ts";
import { type OutboxLimits, OutboxQueue } from "./outbox_queue.ts";
import { RecordMaker } from "./records.ts";

const limits: OutboxLimits = {
  recordsMax: 1_000,
  bytesMax: 1e9,
  marksMax: 10_000,
  batchRecordsMax: 1e6,
  batchBytesMax: 1e9,
};
const MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP"] as Market[];

/** A collector with time, exchange and Kafka in the test's hands. */
class Bench {
  nowMs = 1_795_362_400_000;
  readonly sent: unknown[][] = [];
  readonly ends: string[] = [];
  readonly queue: OutboxQueue<ProducerRecord>;
  /** What Kafka acknowledged, in order. */
  readonly topic: ProducerRecord[] = [];
  readonly collector: Collector;
  #tickets = 0;

  constructor(change: Partial<OutboxLimits> = {}) {
    const queue = this.queue = new OutboxQueue<ProducerRecord>({ ...limits, ...change });
    const { nowMs } = this;
    this.collector = new Collector({
      clock: { nowMs: () => this.nowMs, steadyMs: () => this.nowMs - nowMs },
      outbox: {
        put: (record) => queue.putElement(record, record.value?.length ?? 0),
        putMarks: (records) => queue.putMarks(records),
        queue,
      },
      records: new RecordMaker("" as Namespace, "websocket"),
      metrics: ingestMetrics(new Registry()),
      log: pino({ level: "silent" }),
      newTicket: () => `ticket-${++this.#tickets}`,
      nextFrameId: frameIds("t"),
    });
  }

  /** Kafka takes all that waits. */
  acknowledge(): void {
    for (let batch; (batch = this.queue.take()) !== null;) {
      this.topic.push(...batch.items);
      this.queue.acknowledged();
    }
  }

  up(): void {
    const connection: Connection = {
      sendText: (text) => this.sent.push(JSON.parse(text)),
      end: (cause, detail) => {
        this.ends.push(cause);
        this.collector.handle({ kind: "down", atMs: this.nowMs, cause, wasUp: true, detail });
      },
    };
    this.collector.handle({ kind: "up", atMs: this.nowMs, connection });
  }

  markets(...markets: readonly string[]): void {
    const entry = (market: string): string =>
      `{"market":"${market}","korean_name":"","english_name":""}`;
    const list = new Map(markets.map((market) => [market as Market, entry(market)]));
    this.collector.setMarkets({ list, all: new Set(list.keys()) });
  }

  frame(value: unknown): void {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    this.collector.handle({ kind: "frame", atMs: this.nowMs, bytes: Buffer.from(text) });
  }

  element(market: string, more: object = {}): void {
    this.frame({ type: "candle.1s", code: market, stream_type: "REALTIME", ...more });
  }

  /** The exchange says what it accepted of the newest subscription. */
  accept(...codes: readonly string[]): void {
    const ticket = `ticket-${this.#tickets}`;
    this.frame({ method: "LIST_SUBSCRIPTIONS", result: [{ type: "candle.1s", codes }], ticket });
  }

  pong(): void {
    this.collector.handle({ kind: "pong", atMs: this.nowMs });
  }

  wait(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  /** Ticks, lets Kafka take all, and gives the newest mark of the partition of KRW-BTC. */
  mark(): Mark {
    this.collector.tick();
    return this.newestMark();
  }

  newestMark(): Mark {
    this.acknowledge();
    const partition = partitionOf("KRW-BTC" as Market);
    const marks = this.topic.filter((record) =>
      record.topic === "market_candle_1s" && record.key === null &&
      record.partition === partition
    );
    return decodeMark(String(marks.at(-1)!.value));
  }

  /** Up, subscribed and accepted. */
  live(): this {
    this.up();
    this.markets(...MARKETS);
    this.wait(200).element("KRW-BTC", { stream_type: "SNAPSHOT" });
    this.wait(10).accept(...MARKETS);
    return this;
  }
}

describe("a session", () => {
  test("is asked for in one frame and begins when the exchange said what it accepted", () => {
    const bench = new Bench();
    bench.up();
    expect(bench.sent).toEqual([]);
    bench.markets(...MARKETS);
    expect(bench.sent).toEqual([[
      { ticket: "ticket-1" },
      { type: "candle.1s", codes: MARKETS },
      { type: "ticker", codes: MARKETS },
      { format: "DEFAULT" },
    ]]);
    expect(bench.mark()).toMatchObject({ link: "up", cause: "started", session: null });
    bench.wait(200).element("KRW-BTC");
    expect(bench.sent).toHaveLength(1);
    // only a snapshot shows that the subscription took effect: REALTIME may be of the one before
    bench.element("KRW-BTC", { stream_type: "SNAPSHOT" });
    expect(bench.sent[1]).toEqual([{ ticket: "ticket-1" }, { method: "LIST_SUBSCRIPTIONS" }]);
    const sinceMs = bench.wait(10).nowMs;
    bench.accept(...MARKETS);
    bench.wait(700).element("KRW-ETH");
    expect(bench.wait(40).mark()).toMatchObject({
      writtenAtMs: bench.nowMs,
      session: { id: "ticket-1", sinceMs, untilMs: bench.nowMs - 40, ended: false },
    });
  });

  test("covers only what was accepted", () => {
    const bench = new Bench();
    bench.up();
    bench.markets(...MARKETS, "KRW-NOPE");
    bench.wait(1_000).collector.tick();
    bench.accept(...MARKETS);
    bench.acknowledge();
    bench.collector.tick();
    bench.acknowledge();
    const covered = bench.topic.slice(-12).flatMap(({ value }) =>
      decodeMark(String(value)).session?.markets ?? []
    );
    expect(covered.sort()).toEqual([...MARKETS].sort());
    const clock = { nowMs: () => bench.nowMs, steadyMs: () => 0 };
    const gauges = collectorGauges(bench.collector, bench.queue, clock);
    expect(gauges.marketsAsked()).toBe(4);
    expect(gauges.marketsCovered()).toBe(3);
    expect(gauges.marketsSilent()).toBe(3);
  });

  test("of an exchange that never lists begins after 3 s, with the markets that sent something", () => {
    const bench = new Bench();
    bench.up();
    bench.markets(...MARKETS);
    bench.wait(200).element("KRW-BTC", { stream_type: "SNAPSHOT" });
    for (let second = 0; second < 2; second++) {
      expect(bench.wait(1_000).mark().session).toBeNull();
    }
    const mark = bench.wait(1_000).mark();
    expect(mark.session).toMatchObject({ sinceMs: bench.nowMs, markets: ["KRW-BTC"] });
  });

  test("is not begun by an answer to the question before", () => {
    const bench = new Bench().live();
    bench.wait(10_000).markets(...MARKETS, "KRW-SOL");
    bench.acknowledge();
    bench.frame({
      method: "LIST_SUBSCRIPTIONS",
      result: [{ type: "candle.1s", codes: MARKETS }],
      ticket: "ticket-1",
    });
    expect(bench.mark().session).toBeNull();
  });

  test("ends when the market list changes, the next asks for the whole list on the same socket", () => {
    const bench = new Bench().live();
    bench.wait(10_000).pong();
    bench.wait(50).markets(...MARKETS, "KRW-SOL");
    expect(bench.newestMark()).toMatchObject({
      link: "up",
      cause: "markets_changed",
      session: { id: "ticket-1", untilMs: bench.nowMs - 50, ended: true },
    });
    expect(bench.sent.at(-1)?.[1]).toEqual({ type: "candle.1s", codes: [...MARKETS, "KRW-SOL"] });
    expect(bench.ends).toEqual([]);
  });

  test("does not end when the same list comes again, in another order too", () => {
    const bench = new Bench().live();
    bench.wait(60_000).markets(...[...MARKETS].reverse());
    expect(bench.mark().session).toMatchObject({ id: "ticket-1", ended: false });
  });

  test.each(["closed", "silent", "error"] as const)("ends with the connection: %s", (cause) => {
    const bench = new Bench().live();
    bench.wait(500).pong();
    const untilMs = bench.nowMs;
    bench.wait(700).collector.handle({
      kind: "down",
      atMs: bench.nowMs,
      cause,
      wasUp: true,
      detail: "",
    });
    expect(bench.newestMark()).toMatchObject({
      link: "down",
      cause,
      session: { untilMs, ended: true },
    });
    // attempts that fail do not change why we are away
    bench.wait(300).collector.handle({
      kind: "down",
      atMs: bench.nowMs,
      cause: "error",
      wasUp: false,
      detail: "",
    });
    expect(bench.wait(1_000).mark()).toMatchObject({ link: "down", cause, session: null });
    bench.up();
    expect(bench.sent.at(-1)?.[0]).toEqual({ ticket: "ticket-2" });
  });

  test("of a feed that falls behind covers nothing that has not come, whatever pongs say", () => {
    const bench = new Bench().live();
    const second = (agoMs: number): string =>
      new Date(bench.nowMs - 1_000 - agoMs).toISOString().slice(0, 19);
    bench.wait(1_000).element("KRW-BTC", { candle_date_time_utc: second(0) });
    const untilMs = bench.nowMs;
    expect(bench.mark().session).toMatchObject({ untilMs });
    for (let lagMs = 10_000; lagMs <= 14_000; lagMs += 1_000) {
      bench.wait(1_000).element("KRW-BTC", { candle_date_time_utc: second(lagMs) });
      bench.pong();
      expect(bench.mark().session).toMatchObject({ untilMs });
    }
    // it goes on at its pace, 14 s late: 5 s of it are what an ended session gives up anyway
    bench.wait(20_000).element("KRW-BTC", { candle_date_time_utc: second(14_000) });
    bench.pong();
    expect(Math.abs(bench.mark().session!.untilMs - (bench.nowMs - 9_000))).toBeLessThan(1_000);
    bench.wait(1_000).element("KRW-BTC", { candle_date_time_utc: second(0) });
    expect(bench.mark().session).toMatchObject({ untilMs: bench.nowMs });
  });

  test("ends as rejected at an error frame, which also ends the connection", () => {
    const bench = new Bench().live();
    bench.frame({ error: { name: "INVALID_PARAM", message: "…" } });
    expect(bench.ends).toEqual(["rejected"]);
    expect(bench.newestMark()).toMatchObject({ cause: "rejected", session: { ended: true } });
  });

  test("a stop is told to every partition, also without a session, and once", () => {
    const bench = new Bench();
    bench.markets(...MARKETS);
    bench.collector.stop();
    expect(bench.newestMark()).toMatchObject({ link: "down", cause: "stopped", session: null });
    expect(bench.topic.filter(({ topic }) => topic === "market_candle_1s")).toHaveLength(12);
    const up = new Bench();
    up.up();
    up.collector.handle({
      kind: "down",
      atMs: up.nowMs,
      cause: "stopped",
      wasUp: true,
      detail: "",
    });
    up.collector.stop();
    expect(up.newestMark()).toMatchObject({ link: "down", cause: "stopped", session: null });
    expect(up.topic).toHaveLength(12);
  });

  test("ends with the last marks at a stop, and nothing is handled afterwards", () => {
    const bench = new Bench().live();
    bench.collector.stop();
    expect(bench.newestMark()).toMatchObject({ cause: "stopped", session: { ended: true } });
    const before = bench.topic.length;
    bench.element("KRW-BTC");
    bench.collector.tick();
    bench.collector.stop();
    bench.acknowledge();
    expect(bench.topic).toHaveLength(before);
  });

  test("is asked for at most once in 5 s on a connection, whatever the list does", () => {
    const bench = new Bench().live();
    for (let second = 0; second < 60; second++) {
      bench.markets(...MARKETS, `KRW-NEW${second}`);
      bench.wait(1_000).collector.tick();
    }
    bench.wait(5_000).collector.tick();
    const asked = bench.sent.filter((frame) => frame.length === 4);
    expect(asked.length).toBeLessThanOrEqual(14);
    expect(asked.at(-1)?.[1]).toEqual({ type: "candle.1s", codes: [...MARKETS, "KRW-NEW59"] });
  });
});

describe("a feed that should not be silent", () => {
  const busy = (): Bench => {
    const bench = new Bench().live();
    for (let second = 0; second < 120; second++) {
      bench.wait(1_000).element("KRW-BTC");
      bench.mark();
    }
    return bench;
  };

  test("is not taken for covered because pongs go on, and is left after 10 s", () => {
    const bench = busy();
    const lastFrameMs = bench.nowMs;
    for (let second = 0; second < 9; second++) {
      bench.wait(1_000).pong();
      const { session } = bench.mark();
      // readers count 5 s less at the end of an ended session
      expect(session!.untilMs).toBeLessThanOrEqual(lastFrameMs + 5_000);
    }
    bench.wait(1_000).collector.tick();
    expect(bench.ends).toEqual(["quiet"]);
  });

  test("begins a new session when it speaks again", () => {
    const bench = busy();
    const lastFrameMs = bench.nowMs;
    for (let second = 0; second < 5; second++) {
      bench.wait(1_000).collector.tick();
      bench.acknowledge();
    }
    bench.element("KRW-BTC");
    expect(bench.newestMark()).toMatchObject({
      link: "up",
      cause: "quiet",
      session: { untilMs: lastFrameMs, ended: true },
    });
    bench.wait(1_000).collector.tick();
    expect(bench.sent.at(-1)?.[0]).toEqual({ ticket: "ticket-2" });
  });
});

describe("what cannot be read", () => {
  test("goes to the dead letter as it came, and ends the session: it may have been anybody's candle", () => {
    const bench = new Bench().live();
    const garbled = '{"type":"candle.1s","code":"KRW-BT';
    bench.wait(20_000).pong();
    bench.wait(500).frame(garbled);
    bench.acknowledge();
    const letter = bench.topic.find(({ topic }) => topic === "market_dead_letter");
    expect(String(letter?.value)).toBe(garbled);
    expect(letter?.headers[HEADERS.deadCode]).toBe("frame_unreadable");
    expect(bench.newestMark()).toMatchObject({
      link: "up",
      cause: "error",
      session: { id: "ticket-1", untilMs: bench.nowMs - 500, ended: true },
    });
    // the subscription is still in force: the next session needs no other, and begins behind the doubt
    const asked = bench.sent.length;
    expect(bench.wait(900).mark().session).toBeNull();
    const sinceMs = bench.wait(100).nowMs;
    bench.pong();
    expect(bench.mark().session).toMatchObject({ id: "ticket-2", sinceMs, markets: ["KRW-BTC"] });
    expect(bench.sent).toHaveLength(asked);
    expect(bench.ends).toEqual([]);
  });

  test("but shows its market, goes that market's way and ends nothing", () => {
    const bench = new Bench().live();
    const garbled = '{"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"2026-11-2';
    bench.wait(500).frame(garbled);
    bench.acknowledge();
    expect(bench.topic.at(-1)).toMatchObject({
      topic: "market_candle_1s",
      key: "KRW-BTC",
      partition: partitionOf("KRW-BTC" as Market),
      headers: { received_at: String(bench.nowMs) },
    });
    expect(String(bench.topic.at(-1)!.value)).toBe(garbled);
    expect(bench.mark().session).toMatchObject({ untilMs: bench.nowMs, ended: false });
  });

  test("but was a ticker, costs no coverage", () => {
    const bench = new Bench().live();
    bench.wait(500).frame('{"type":"ticker","code":"KR');
    expect(bench.mark().session).toMatchObject({ untilMs: bench.nowMs, ended: false });
    expect(bench.topic.filter(({ topic }) => topic === "market_dead_letter")).toHaveLength(1);
  });

  test("a trickle of it costs the seconds around each, and no message to the exchange", () => {
    const bench = new Bench().live();
    const asked = bench.sent.length;
    const sessions = new Set<string>();
    let coveredMs = 0;
    for (let second = 1; second <= 600; second++) {
      bench.wait(1_000).pong();
      if (second % 60 === 0) bench.frame("{");
      const { session } = bench.mark();
      if (session !== null) sessions.add(session.id);
      if (session !== null && !session.ended) coveredMs += 1_000;
    }
    expect(sessions.size).toBe(10);
    // without the 5 s that readers take off each end
    expect(coveredMs / 600_000).toBeGreaterThan(0.95);
    expect(bench.sent).toHaveLength(asked);
  });

  test("a storm of it does not make a session of each frame", () => {
    const bench = new Bench().live();
    const sessions = new Set<string>();
    for (let tenth = 0; tenth < 1_200; tenth++) {
      bench.wait(100).frame(tenth % 15 === 0 ? "{" : { status: "UP" });
      if (tenth % 10 === 0) bench.collector.tick();
      bench.acknowledge();
    }
    for (const { topic, key, value } of bench.topic) {
      if (topic !== "market_candle_1s" || key !== null) continue;
      const { session } = decodeMark(String(value));
      if (session !== null) sessions.add(session.id);
    }
    expect(sessions.size).toBeLessThanOrEqual(13);
  });

  test("but is no candle for sure, ends nothing", () => {
    const bench = new Bench().live();
    bench.frame({ type: "notice", text: "정기 점검" });
    bench.acknowledge();
    expect(bench.topic.filter(({ topic }) => topic === "market_dead_letter")).toHaveLength(1);
    expect(bench.mark().session).toMatchObject({ id: "ticket-1", ended: false });
  });
});

describe("Kafka away", () => {
  test("marks are not piled up: one round waits", () => {
    const bench = new Bench().live();
    bench.acknowledge();
    for (let second = 0; second < 100; second++) {
      bench.wait(1_000).element("KRW-BTC");
      bench.collector.tick();
    }
    expect(bench.queue.marks).toBe(12);
  });

  test("what does not fit ends the session before it, the next begins when half is free", () => {
    const bench = new Bench({ recordsMax: 20 }).live();
    bench.acknowledge();
    for (let frame = 0; frame < 20; frame++) bench.wait(1).element("KRW-BTC");
    const lastPutMs = bench.nowMs;
    bench.wait(1).element("KRW-BTC");
    for (let second = 0; second < 20; second++) bench.wait(1_000).collector.tick();
    expect(bench.sent.filter((frame) => frame.length === 4)).toHaveLength(1);
    expect(bench.queue.records).toBe(20);
    bench.acknowledge();
    const ends = bench.topic.filter(({ key }) => key === null).map(({ value }) =>
      decodeMark(String(value))
    ).filter(({ session }) => session?.ended);
    expect(ends).toHaveLength(12);
    expect(ends[0]).toMatchObject({
      link: "up",
      cause: "kafka_away",
      session: { untilMs: lastPutMs },
    });
    bench.collector.tick();
    expect(bench.sent.at(-1)?.[0]).toEqual({ ticket: "ticket-2" });
  });
});

describe("the listing topic", () => {
  const listings = (bench: Bench) =>
    bench.topic.filter(({ topic }) => topic === "market_listing").map(({ key, value }) =>
      [key, value === null ? null : JSON.parse(String(value)).market] as const
    );

  test("is told each market once, and a tombstone for one that is gone", () => {
    const bench = new Bench();
    bench.markets("KRW-BTC", "KRW-ETH");
    bench.markets("KRW-BTC", "KRW-ETH");
    bench.markets("KRW-ETH");
    bench.acknowledge();
    expect(listings(bench)).toEqual([["KRW-BTC", "KRW-BTC"], ["KRW-ETH", "KRW-ETH"], [
      "KRW-BTC",
      null,
    ]]);
  });

  test("a market that was delisted while nobody looked gets its tombstone, before or after the list is known", () => {
    const before = new Map(["KRW-BTC", "KRW-GONE"].map((market) => [market as Market, "{}"]));
    const early = new Bench();
    early.collector.setPublished(before);
    early.markets("KRW-BTC", "KRW-ETH");
    const late = new Bench();
    late.markets("KRW-BTC", "KRW-ETH");
    late.collector.setPublished(before);
    for (const bench of [early, late]) {
      bench.acknowledge();
      expect(listings(bench)).toContainEqual(["KRW-GONE", null]);
      expect(listings(bench)).toContainEqual(["KRW-BTC", "KRW-BTC"]);
      expect(listings(bench).filter(([, value]) => value === null)).toHaveLength(1);
    }
  });

  test("of a market that is listed but no longer chosen stays", () => {
    const bench = new Bench();
    bench.collector.setPublished(new Map([["KRW-ETH" as Market, "{}"]]));
    bench.collector.setMarkets({ list: new Map(), all: new Set(["KRW-ETH" as Market]) });
    bench.acknowledge();
    expect(listings(bench)).toEqual([]);
  });

  test("is told later what did not fit", () => {
    const bench = new Bench({ recordsMax: 1 });
    bench.markets("KRW-BTC", "KRW-ETH");
    bench.acknowledge();
    bench.markets("KRW-BTC", "KRW-ETH");
    bench.acknowledge();
    expect(listings(bench).map(([key]) => key)).toEqual(["KRW-BTC", "KRW-ETH"]);
  });
});

/** What may happen to a collector, in any order. */
const step = fc.oneof(
  { weight: 8, arbitrary: fc.constant("candle") },
  fc.constantFrom(
    "ticker",
    "pong",
    "garbled",
    "cut",
    "unknown",
    "error",
    "snapshot",
    "accept",
    "up",
    "down",
    "tick",
    "acknowledge",
    "markets",
    "long",
  ),
);

test("a mark never claims a frame that is not before it, never overlaps another session, whatever happens", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.nat(1_500)), { maxLength: 250 }), (steps) => {
      const bench = new Bench({ recordsMax: 15, marksMax: 36 });
      /** Every element the exchange sent while a session was claimed, with its time. */
      const arrived: { readonly market: string; readonly atMs: number; readonly text: string }[] =
        [];
      let isUp = false;
      let count = 0;
      for (const [what, ms] of steps) {
        bench.wait(ms);
        const market = MARKETS[count++ % MARKETS.length]!;
        switch (what) {
          case "candle":
          case "snapshot":
          case "ticker": {
            if (!isUp) break;
            const stream_type = what === "snapshot" ? "SNAPSHOT" : "REALTIME";
            const type = what === "ticker" ? "ticker" : "candle.1s";
            const text = JSON.stringify({ type, code: market, stream_type, count });
            if (type === "candle.1s") arrived.push({ market, atMs: bench.nowMs, text });
            bench.frame(text);
            break;
          }
          case "garbled":
            if (isUp) {
              // a candle nobody can read: no session may claim its time
              arrived.push({ market, atMs: bench.nowMs, text: "unread" });
              bench.frame('{"type":"candle.1s"');
            }
            break;
          case "cut":
            if (isUp) {
              const text = `{"type":"candle.1s","code":"${market}","count":${count}`;
              arrived.push({ market, atMs: bench.nowMs, text });
              bench.frame(text);
            }
            break;
          case "unknown":
            if (isUp) bench.frame("{}");
            break;
          case "error":
            if (isUp) bench.frame({ error: { name: "X", message: "" } });
            isUp = false;
            break;
          case "accept":
            if (isUp) bench.accept(...MARKETS);
            break;
          case "pong":
            if (isUp) bench.pong();
            break;
          case "up":
            if (!isUp) bench.up();
            isUp = true;
            break;
          case "down":
            if (isUp) {
              const { nowMs: atMs } = bench;
              bench.collector.handle({
                kind: "down",
                atMs,
                cause: "closed",
                wasUp: true,
                detail: "",
              });
            }
            isUp = false;
            break;
          case "tick":
            bench.collector.tick();
            break;
          case "acknowledge":
            bench.acknowledge();
            break;
          case "markets":
            bench.markets(...MARKETS, ...(ms % 2 === 0 ? ["KRW-SOL"] : []));
            break;
          case "long":
            bench.wait(6_000);
            break;
        }
        if (bench.ends.length > 0) {
          isUp = false;
          bench.ends.length = 0;
        }
      }
      bench.collector.stop();
      bench.acknowledge();

      const partitions = new Map<number, string[]>();
      const ranges = new Map<string, { sinceMs: number; untilMs: number }>();
      let writtenAtMs = 0;
      for (const { topic, key, value, partition } of bench.topic) {
        if (topic !== "market_candle_1s") continue;
        const before = partitions.get(partition) ?? [];
        partitions.set(partition, before);
        if (key !== null) {
          before.push(String(value));
          continue;
        }
        const mark = decodeMark(String(value));
        expect(mark.writtenAtMs).toBeGreaterThanOrEqual(writtenAtMs);
        writtenAtMs = mark.writtenAtMs;
        if (mark.session === null) continue;
        const { id, sinceMs, untilMs, markets } = mark.session;
        ranges.set(id, { sinceMs, untilMs });
        for (const { market, atMs, text } of arrived) {
          if (!markets.includes(market as Market) || atMs < sinceMs || atMs >= untilMs) continue;
          expect(before).toContain(text);
        }
      }
      const sorted = [...ranges.values()].sort((a, b) => a.sinceMs - b.sinceMs);
      for (const [index, { untilMs }] of sorted.entries()) {
        const next = sorted[index + 1];
        if (next !== undefined) expect(next.sinceMs).toBeGreaterThanOrEqual(untilMs);
      }
    }),
    { numRuns: 400 },
  );
});
