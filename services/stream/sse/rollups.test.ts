import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodePostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import { decodeTail } from "#core/event/tail_event.ts";
import { encodeMark } from "#core/mark.ts";
import { decodeMark } from "#core/mark.ts";
import { newer, type Revision } from "#core/revision.ts";
import { partitionOf } from "#core/partition.ts";
import { market } from "#core/market.ts";
import type { FakeWire } from "../testing/fake_wire.ts";
import { TestHub } from "../testing/test_hub.ts";

const MINUTE = 60_000;

function open(limits?: ConstructorParameters<typeof TestHub>[0], tailRowsMax?: number): TestHub {
  const test = new TestHub(limits, tailRowsMax);
  test.hub.open();
  return test;
}

const rollups = (wire: FakeWire) =>
  wire.events.filter(({ name }) => name === "postgres-candle")
    .map(({ data }) => decodePostgresCandleEvent(data));

describe("roll-ups in the stream", () => {
  test("go to who named their interval and market; others see no change", () => {
    const run = open();
    const wires = [
      run.join("KRW-BTC", null, "a", "1m"),
      run.join("all", "postgres-candle", "a", "1m,1h"),
      run.join("all"),
    ];
    run.pass(10);
    run.rollup("KRW-BTC", "1m", 0, 1);
    run.rollup("KRW-BTC", "1h", 0, 2);
    run.rollup("KRW-ETH", "1m", 0, 3);
    run.rollup("KRW-ETH", "5m", 0, 4);
    // a group that comes when the routes are known
    wires.push(run.join("KRW-ETH", "postgres-candle", "a", "5m"));
    run.pass(10);
    run.rollup("KRW-ETH", "5m", 5 * MINUTE, 5);
    run.rollup("KRW-ETH", "1m", MINUTE, 6);
    run.pass(10);
    expect(wires.map((wire) => rollups(wire).map(({ volume }) => volume)))
      .toEqual([["1"], ["1", "2", "3", "6"], [], ["5"]]);
    expect(wires[2]!.text).not.toContain("postgres");
    run.ticker("KRW-BTC", 1);
    run.candle("KRW-BTC", 1_000, 1_001);
    run.pass(10);
    expect(wires[1]!.events.slice(1).every(({ name }) => name === "postgres-candle")).toBe(true);
  });

  test("the tail holds those of the last minute, the newest revision of each", () => {
    const run = open();
    run.rollup("KRW-BTC", "1m", 0, 1);
    run.rollup("KRW-BTC", "1m", 0, 2);
    run.rollup("KRW-BTC", "5m", 0, 3);
    run.pass(50_000);
    run.rollup("KRW-BTC", "1m", MINUTE, 4);
    const mark = decodeMark(encodeMark({
      writtenAtMs: run.nowMs + 15_000,
      link: "up",
      cause: "started",
      session: null,
    }));
    const tail = (): string[] => {
      const wire = run.join("KRW-BTC", "postgres-candle", "a", "1m");
      run.pass(10);
      return decodeTail(wire.events[0]!.data).postgresCandles.map(({ volume }) => volume);
    };
    expect(tail()).toEqual(["2", "4"]);
    run.board.takeMark(mark, partitionOf(market("KRW-BTC")));
    expect(tail()).toEqual(["4"]);
  });

  test("while history is filled the tail keeps the newest rows up to its limit", () => {
    const run = open({}, 12 * 40);
    for (let at = 0; at < 100; at++) run.rollup("KRW-BTC", "1m", at * MINUTE, at + 1);
    const wire = run.join("KRW-BTC", "postgres-candle", "a", "1m");
    run.pass(10);
    const held = decodeTail(wire.events[0]!.data).postgresCandles.map(({ volume }) => volume);
    expect(held).toEqual(Array.from({ length: 10 }, (_, at) => String(91 + at)));
  });

  test("a reader that is behind gets the newest revision of each bucket", () => {
    const run = open({ unsentBytesMax: 100 });
    const wire = run.join("KRW-BTC", "postgres-candle", "a", "1m,5m");
    run.pass(10);
    wire.reading = false;
    run.rollup("KRW-BTC", "1m", 0, 1);
    run.pass(10);
    run.rollup("KRW-BTC", "1m", 0, 2);
    run.rollup("KRW-BTC", "1m", MINUTE, 3);
    run.rollup("KRW-BTC", "5m", 0, 4);
    run.rollup("KRW-BTC", "1m", 0, 5);
    run.pass(10);
    wire.resume();
    expect(rollups(wire).map(({ volume }) => volume)).toEqual(["1", "3", "4", "5"]);
    expect(run.counts.conflated).toBe(1);
  });

  test("in any order, for a reader that pauses, no bucket goes back and the newest of each arrives", () => {
    const step = fc.oneof(
      fc.record({ bucket: fc.nat(3), sequence: fc.integer({ min: 1, max: 30 }) }),
      fc.constantFrom("pause", "resume", "tick"),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const run = open({ unsentBytesMax: 100 });
      const wire = run.join("KRW-BTC", "postgres-candle", "a", "1m");
      run.pass(10);
      const newest = new Map<number, number>();
      for (const step of steps) {
        if (step === "pause") wire.reading = false;
        else if (step === "resume") wire.resume();
        else if (step === "tick") run.pass(10);
        else {
          run.rollup("KRW-BTC", "1m", step.bucket * MINUTE, step.sequence);
          newest.set(step.bucket, Math.max(step.sequence, newest.get(step.bucket) ?? 0));
        }
      }
      run.pass(1_000);
      wire.resume();
      const seen = new Map<number, { readonly revision: Revision; readonly volume: string }>();
      for (const { startsAtMs, revision, volume } of rollups(wire)) {
        const before = seen.get(startsAtMs / MINUTE);
        expect(before === undefined || newer(revision, before.revision)).toBe(true);
        seen.set(startsAtMs / MINUTE, { revision, volume });
      }
      expect(new Map([...seen].map(([bucket, { volume }]) => [bucket, Number(volume)])))
        .toEqual(newest);
    }));
  });
});
