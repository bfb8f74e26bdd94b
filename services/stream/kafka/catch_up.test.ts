import { Buffer } from "node:buffer";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import { TOPICS } from "#core/topics.ts";
import { Board } from "../state/board.ts";
import { Intake } from "./intake.ts";
import { Positions } from "./positions.ts";
import type { ReplicaTopic } from "./replica_topics.ts";

interface Spec {
  readonly market: string;
  readonly timestampMs: number;
  readonly kind: "ticker" | "tombstone" | "garbage" | "odd";
}

function record({ market, timestampMs, kind }: Spec, offset: number): ConsumedRecord {
  const price = kind === "garbage" ? '"none"' : 1_000 + offset;
  // a blank is unusual, and no reason to lose the ticker
  const blank = kind === "odd" ? " " : "";
  const text = `{"type":"ticker","code":"${market}","trade_price":${price},"trade_timestamp":9,` +
    `"timestamp":${blank}${timestampMs},"acc_trade_volume":${offset}}`;
  return {
    topic: TOPICS.ticker,
    partition: 0,
    offset: BigInt(offset),
    timestampMs: 0,
    key: market,
    value: kind === "tombstone" ? null : Buffer.from(text),
    headers: { origin: "websocket", received_at: "1735792086010" },
  };
}

/** A replica that read these tickers in one batch that ends `behind` records before the partition's end. */
function read(specs: readonly Spec[], behind: number) {
  const board = new Board({ tailRowsMax: 1_200, partitions: 12 });
  const positions = new Positions();
  positions.begin(TOPICS.ticker, 0, 0n, 0n);
  let published = 0;
  let stale = 0;
  let unreadable = 0;
  const intake = new Intake({
    board,
    positions,
    publish: () => published++,
    logical: (topic) => topic as ReplicaTopic,
    meter: { taken: () => {}, stale: () => stale++, unreadable: () => unreadable++ },
  });
  const records = specs.map(record);
  const highWatermark = BigInt(records.length + behind);
  intake.take({ topic: TOPICS.ticker, partition: 0, highWatermark, records });
  return {
    tickers: new Map([...board.tickers()].map(({ event }) => [event.market, event])),
    next: positions.next().get(TOPICS.ticker)!.get(0),
    published,
    stale,
    unreadable,
  };
}

test("a replica far behind ends with the tickers that one at a time give, in whatever order they lie", () => {
  const spec = fc.record({
    market: fc.constantFrom("KRW-BTC", "KRW-ETH", "KRW-XRP"),
    timestampMs: fc.integer({ min: 1_735_792_085_000, max: 1_735_792_085_009 }),
    kind: fc.constantFrom("ticker", "ticker", "ticker", "tombstone", "garbage", "odd"),
  }) as fc.Arbitrary<Spec>;
  fc.assert(fc.property(fc.array(spec, { minLength: 1, maxLength: 30 }), (specs) => {
    const level = read(specs, 0);
    const behind = read(specs, 100_000);
    expect(behind.tickers).toEqual(level.tickers);
    expect(behind.next).toBe(level.next);
  }));
});

test("of hours of tickers one a market and batch is read, however many there are", () => {
  const markets = Array.from({ length: 70 }, (_, at) => `KRW-M${at}`);
  const specs = Array.from({ length: 7_000 }, (_, at): Spec => ({
    market: markets[at % 70]!,
    timestampMs: 1_735_792_085_000 + at,
    kind: "ticker",
  }));
  const { tickers, published, stale } = read(specs, 100_000);
  expect(tickers.size).toBe(70);
  expect(published).toBe(70);
  expect(stale).toBe(6_930);
  expect(read(specs, 0).published).toBe(7_000);
});
