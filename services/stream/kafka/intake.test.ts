import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import { decimal } from "#core/decimal.ts";
import { type CandleEvent, encodeCandleEvent } from "#core/event/candle_event.ts";
import { encodePostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { encodeMark } from "#core/mark.ts";
import { market } from "#core/market.ts";
import { candleRevision } from "#core/revision.ts";
import { TOPICS } from "#core/topics.ts";
import type { LiveEvent } from "../live_event.ts";
import { candleEventAt, rollupEventAt } from "../testing/events.ts";
import { Board } from "../state/board.ts";
import { Intake } from "./intake.ts";
import { REPLICA_TOPICS, type ReplicaTopic } from "./replica_topics.ts";
import { Positions } from "./positions.ts";

/** Frame of https://docs.upbit.com/kr/reference/websocket-candle */
const CANDLE =
  '{"type":"candle.1s","code":"KRW-BTC","candle_date_time_utc":"2025-01-02T04:28:05","candle_date_time_kst":"2025-01-02T13:28:05","opening_price":142009000.00000000,"high_price":142009000.00000000,"low_price":142009000.00000000,"trade_price":142009000.00000000,"candle_acc_trade_volume":0.00606119,"candle_acc_trade_price":860743.5307100000000000,"timestamp":1735792085824,"stream_type":"REALTIME"}';

class Run {
  readonly board = new Board({ tailRowsMax: 1_200, partitions: 12 });
  readonly positions = new Positions();
  readonly published: LiveEvent[] = [];
  readonly counts: string[] = [];
  readonly #intake: Intake;
  #offset = 0n;

  constructor() {
    for (const topic of REPLICA_TOPICS) this.positions.begin(topic, 0, 0n, 0n);
    this.#intake = new Intake({
      board: this.board,
      positions: this.positions,
      publish: (event) => this.published.push(event),
      logical: (topic) => topic as ReplicaTopic,
      meter: {
        taken: () => {},
        stale: (topic) => this.counts.push(`stale ${topic}`),
        unreadable: (topic, code) => this.counts.push(`${code} ${topic}`),
      },
    });
  }

  take(topic: ReplicaTopic, record: Partial<ConsumedRecord> & { text?: string | null }): void {
    const { text, ...rest } = record;
    const offset = rest.offset ?? this.#offset++;
    this.#intake.take({
      topic,
      partition: 0,
      highWatermark: offset + 1n,
      records: [{
        topic,
        partition: 0,
        timestampMs: 0,
        key: "KRW-BTC",
        headers: { origin: "websocket", received_at: "1735792086010" },
        value: text === null ? null : Buffer.from(text ?? CANDLE),
        ...rest,
        offset,
      }],
    });
  }
}

describe("Intake", () => {
  test("a second becomes one event with the exchange's digits, whatever else comes of it is stale", () => {
    const run = new Run();
    run.take(TOPICS.secondCandle, {});
    run.take(TOPICS.secondCandle, {});
    run.take(TOPICS.secondCandle, { text: CANDLE.replace("1735792085824", "1735792085000") });
    const revision = candleRevision(0, 1_735_792_085_824, decimal("0.00606119"));
    expect(run.published.map(({ data }) => data)).toEqual([
      '{"market":"KRW-BTC","interval":"1s","starts_at_ms":1735792085000,"open":142009000,"high":142009000,"low":142009000,"close":142009000,"volume":0.00606119,"turnover":860743.53071,"last_tick_at_ms":1735792085824,"received_at_ms":1735792086010,"origin":"websocket","revision":"REVISION"}'
        .replace("REVISION", revision),
    ]);
    expect(run.counts).toEqual(["stale market_candle_1s", "stale market_candle_1s"]);
  });

  test("what cannot be read is counted by its reason and skipped", () => {
    const run = new Run();
    const { secondCandle, ticker, listing } = TOPICS;
    run.take(secondCandle, { text: "{" });
    run.take(secondCandle, { text: null });
    run.take(secondCandle, { key: "KRW-ETH" });
    run.take(secondCandle, { headers: { origin: "websocket" } });
    run.take(secondCandle, { headers: { origin: "moon", received_at: "1" } });
    run.take(secondCandle, {
      text: CANDLE.replace("candle.1s", "candle.1m").replace(':05"', ':00"'),
    });
    run.take(secondCandle, {
      text: CANDLE.replace('"candle_acc_trade_volume":0', '"candle_acc_trade_volume":6'),
    });
    run.take(secondCandle, { text: CANDLE.replaceAll("2025-01-02", "3025-01-02") });
    run.take(secondCandle, { headers: { kind: "mark" }, text: "{}" });
    run.take(ticker, { text: '{"type":"ticker"}' });
    run.take(ticker, {
      text:
        '{"type":"ticker","code":"KRW-BTC","trade_price":1.0,"timestamp":32503680000000,"trade_timestamp":1735792085824}',
    });
    run.take(listing, { text: "[]" });
    run.take(listing, { key: null, text: "{}" });
    run.take(secondCandle, {});
    expect(run.counts).toEqual([
      "element_unreadable market_candle_1s",
      "element_unreadable market_candle_1s",
      "key_mismatch market_candle_1s",
      "header_invalid market_candle_1s",
      "header_invalid market_candle_1s",
      "interval_unexpected market_candle_1s",
      "turnover_doubtful market_candle_1s",
      "second_in_future market_candle_1s",
      "mark_invalid market_candle_1s",
      "field_invalid market_ticker",
      "ticker_in_future market_ticker",
      "element_unreadable market_listing",
      "market_invalid market_listing",
    ]);
    expect(run.published.length).toBe(1);
  });

  test("a roll-up becomes an event as it came, once; older and unreadable ones none", () => {
    const run = new Run();
    const text = (sequence: number, name = "KRW-BTC"): string =>
      encodePostgresCandleEvent(rollupEventAt(name, "5m", 300_000, sequence));
    run.take(TOPICS.postgresCandle, { text: text(7) });
    run.take(TOPICS.postgresCandle, { text: text(7) });
    run.take(TOPICS.postgresCandle, { text: text(6) });
    run.take(TOPICS.postgresCandle, { text: text(8, "KRW-ETH") });
    run.take(TOPICS.postgresCandle, { text: null });
    run.take(TOPICS.postgresCandle, { text: '{"market":"KRW-BTC"}' });
    run.take(TOPICS.postgresCandle, { text: text(8) });
    expect(run.published.map(({ name, data }) => [name, data]))
      .toEqual([["postgres-candle", text(7)], ["postgres-candle", text(8)]]);
    expect(run.counts).toEqual([
      "stale postgres_candle",
      "stale postgres_candle",
      "key_mismatch postgres_candle",
      "element_unreadable postgres_candle",
      "event_invalid postgres_candle",
    ]);
  });

  test("a second that an answer filled or corrected becomes a candle event; nothing older follows, and what is live stays so", () => {
    const run = new Run();
    const at = 1_735_792_085_000;
    const stored = (
      lastTickAtMs: number,
      correctionMs: number,
      more: Partial<CandleEvent> = {},
    ) => {
      const event = { ...candleEventAt("KRW-BTC", at, lastTickAtMs), ...more };
      return encodeCandleEvent({
        ...event,
        origin: "rest",
        receivedAtMs: at + 90_000,
        revision: candleRevision(correctionMs, lastTickAtMs, event.volume),
      });
    };
    run.take(TOPICS.secondCandle, {});
    const filled = stored(at + 100, 0, { startsAtMs: at - 60_000 });
    run.take(TOPICS.postgresCandle, { text: filled });
    // the socket's is newer
    run.take(TOPICS.postgresCandle, { text: stored(at + 100, 0) });
    const corrected = stored(at + 100, at + 90_000);
    run.take(TOPICS.postgresCandle, { text: corrected });
    const deleted = stored(at + 100, at + 95_000, { deleted: true });
    run.take(TOPICS.postgresCandle, { text: deleted });
    run.take(TOPICS.secondCandle, {
      text: CANDLE.replace("1735792085824", "1735792085999"),
    });
    run.take(TOPICS.postgresCandle, { text: filled, key: "KRW-ETH" });

    expect(run.published.map(({ name, data }) => [name, data]).slice(1)).toEqual([
      ["candle", filled],
      ["candle", corrected],
      ["candle", deleted],
    ]);
    // no measure of how soon what is live arrives
    expect(run.published.map(({ receivedAtMs }) => receivedAtMs)).toEqual([
      1_735_792_086_010,
      null,
      null,
      null,
    ]);
    expect(run.counts).toEqual([
      "stale postgres_candle",
      "stale market_candle_1s",
      "key_mismatch postgres_candle",
    ]);
    expect(run.board.newestCandle).toMatchObject({ origin: "websocket", startsAtMs: at });
    // a connection that begins now gets no older one; what was only filled, its page has
    expect([...run.board.ring(0).values()].map(({ data }) => data)).toEqual([deleted]);
  });

  test("seconds that are filled in by the thousand make nobody forget what is live", () => {
    const run = new Run();
    run.take(TOPICS.secondCandle, {});
    for (let at = 0; at < 700; at++) {
      run.take(TOPICS.postgresCandle, {
        text: encodeCandleEvent(candleEventAt("KRW-BTC", at * 1_000, at * 1_000)),
      });
    }
    run.take(TOPICS.secondCandle, { text: CANDLE.replace("1735792085824", "1735792085000") });
    expect(run.counts).toEqual(["stale market_candle_1s"]);
  });

  test("a record that was read already is not read again", () => {
    const run = new Run();
    run.take(TOPICS.secondCandle, { offset: 5n });
    run.take(TOPICS.secondCandle, { offset: 4n, text: "{" });
    expect(run.counts).toEqual([]);
    expect(run.positions.next().get(TOPICS.secondCandle)!.get(0)).toBe(6n);
  });

  test("the first mark says since when everything is held; the link's change is published once", () => {
    const run = new Run();
    const mark = (writtenAtMs: number): string =>
      encodeMark({
        writtenAtMs,
        link: "up",
        cause: "started",
        session: { id: "s", markets: [], sinceMs: 0, untilMs: writtenAtMs, ended: false },
      });
    const headers = { kind: "mark" };
    run.take(TOPICS.secondCandle, { headers, key: null, text: mark(1_735_792_086_000) });
    run.take(TOPICS.secondCandle, {});
    run.take(TOPICS.secondCandle, { headers, key: null, text: mark(1_735_792_087_000) });
    expect(run.board.ring(0).sinceMs).toBe(1_735_792_086_000);
    expect(run.published.map(({ name }) => name)).toEqual(["link", "candle"]);
  });

  test("a listing names a market until its tombstone", () => {
    const run = new Run();
    const btc = market("KRW-BTC");
    const text = '{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin"}';
    run.take(TOPICS.listing, { text });
    expect(run.board.listings().get(btc)!.koreanName).toBe("비트코인");
    run.take(TOPICS.listing, { text: null });
    expect(run.board.listings().size).toBe(0);
  });
});
