import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeCandleEvent } from "#core/event/candle_event.ts";
import { decodeTail } from "#core/event/tail_event.ts";
import { decodeTickerEvent } from "#core/event/ticker_event.ts";
import { newer, type Revision } from "#core/revision.ts";
import type { FakeWire } from "../testing/fake_wire.ts";
import { TestHub } from "../testing/test_hub.ts";

const names = (wire: FakeWire): string[] => wire.events.map(({ name }) => name);

function open(limits?: ConstructorParameters<typeof TestHub>[0]): TestHub {
  const test = new TestHub(limits);
  test.hub.open();
  return test;
}

describe("Hub", () => {
  test("nobody gets a tail before the state is loaded; who came early gets it then", () => {
    const run = new TestHub();
    const wire = run.join("all");
    run.ticker("KRW-BTC", 1);
    run.pass(1_000);
    expect(wire.text).toBe("");
    run.hub.open();
    run.pass(1_000);
    expect(names(wire)).toEqual(["tail"]);
    expect(decodeTail(wire.events[0]!.data).tickers[0]!.timestampMs).toBe(1);
  });

  test("a newcomer's tail holds what was published in the same tick, which does not follow again", () => {
    const run = open();
    const early = run.join("KRW-BTC");
    run.pass(10);
    run.ticker("KRW-BTC", 1);
    const late = run.join("KRW-BTC");
    run.ticker("KRW-BTC", 2);
    run.pass(10);
    expect(names(early)).toEqual(["tail", "ticker", "ticker"]);
    expect(names(late)).toEqual(["tail"]);
    expect(decodeTail(late.events[0]!.data).tickers[0]!.timestampMs).toBe(2);
  });

  test("one write a client and tick, with the bytes its group shares", () => {
    const run = open();
    const wires = [run.join("KRW-BTC"), run.join("KRW-BTC"), run.join("KRW-ETH")];
    run.pass(10);
    for (let at = 1; at <= 30; at++) run.ticker("KRW-BTC", at);
    run.pass(10);
    expect(wires.map(({ writes }) => writes)).toEqual([2, 2, 1]);
    expect(wires.map(({ events }) => events.length)).toEqual([31, 31, 1]);
  });

  test("the first event after a pause waits for nothing, the next for the rest of the tick", () => {
    const run = open({ tickMsMin: 5 });
    const wire = run.join("KRW-BTC");
    run.pass(0);
    run.pass(100);
    run.ticker("KRW-BTC", 1);
    run.pass(0);
    expect(wire.events.length).toBe(2);
    run.ticker("KRW-BTC", 2);
    run.pass(4);
    expect(wire.events.length).toBe(2);
    run.pass(1);
    expect(wire.events.length).toBe(3);
  });

  test("a reader that is behind gets the newest of each market and every second, never an older one", () => {
    const run = open({ unsentBytesMax: 100 });
    const wire = run.join("all");
    run.pass(10);
    wire.reading = false;
    for (let at = 1; at <= 50; at++) {
      run.ticker("KRW-BTC", at);
      run.candle("KRW-BTC", at * 1_000, at * 1_000 + 1);
      run.candle("KRW-BTC", at * 1_000, at * 1_000 + 2);
      run.pass(10);
    }
    expect(wire.unsentBytes).toBeLessThan(2_000);
    wire.resume();
    const [, ...sent] = wire.events;
    const tickers = sent.filter(({ name }) => name === "ticker")
      .map(({ data }) => decodeTickerEvent(data).timestampMs);
    expect(tickers).toEqual([1, 50]);
    const candles = sent.filter(({ name }) => name === "candle")
      .map(({ data }) => decodeCandleEvent(data).startsAtMs);
    expect(new Set(candles).size).toBe(50);
    expect(run.counts.conflated).toBeGreaterThanOrEqual(48);
    run.ticker("KRW-BTC", 51);
    run.pass(10);
    expect(decodeTickerEvent(wire.events.at(-1)!.data).timestampMs).toBe(51);
  });

  test("a reader that stays behind is cut, and others do not notice", () => {
    const run = open({ unsentBytesMax: 100, behindMsMax: 1_000 });
    const [slow, quick] = [run.join("all"), run.join("all")];
    run.pass(10);
    slow.reading = false;
    for (let at = 1; at <= 20; at++) {
      run.ticker("KRW-BTC", at);
      run.pass(100);
      run.hub.sweep();
    }
    expect(slow.destroyed).toBe(true);
    expect(run.counts.cut).toEqual(["slow"]);
    expect(run.hub.clientCount).toBe(1);
    expect(quick.events.length).toBe(21);
  });

  test("a reader with too many changes waiting is cut instead of missing one", () => {
    const run = open({ unsentBytesMax: 10, mailboxEntriesMax: 3 });
    const wire = run.join("all");
    run.pass(10);
    wire.reading = false;
    for (let at = 1; at <= 6; at++) {
      run.candle("KRW-BTC", at * 1_000, at * 1_000);
      run.pass(10);
    }
    expect(wire.destroyed).toBe(true);
    expect(run.counts.cut).toEqual(["mailbox_full"]);
  });

  test("heartbeats keep a silent stream, at most every heartbeatMs", () => {
    const run = open({ heartbeatMs: 10_000 });
    const wire = run.join("KRW-NONE", "ticker");
    run.pass(10);
    for (let second = 0; second < 30; second++) {
      run.pass(1_000);
      run.hub.sweep();
    }
    expect(wire.text.match(/^:$/gm)!.length).toBe(3);
  });

  test("limits count clients in all and by address, and forget who left", () => {
    const run = open({ clientsMax: 3, clientsPerAddressMax: 2 });
    const first = run.join("all", null, "a");
    run.join("all", null, "a");
    expect(run.hub.refusal("a")).toBe("clients_per_address_max");
    expect(run.hub.refusal("b")).toBeNull();
    run.join("all", null, "b");
    expect(run.hub.refusal("b")).toBe("clients_max");
    first.close();
    expect(run.hub.refusal("a")).toBeNull();
    expect(run.hub.clientCount).toBe(2);
  });

  test("tails on their way are bounded: further newcomers wait for room", () => {
    const run = open({ tailBytesMax: 100 });
    const stuck = run.join("KRW-BTC");
    stuck.reading = false;
    run.pass(10);
    const next = run.join("KRW-ETH");
    run.pass(10);
    expect(next.text).toBe("");
    stuck.resume();
    run.hub.sweep();
    run.pass(100);
    expect(names(next)).toEqual(["tail"]);
    expect(run.hub.tailBytes).toBe(0);
  });

  test("a newcomer that left before its tail, or with it unread, leaves nothing behind", () => {
    const run = open();
    run.join("KRW-BTC").close();
    const unread = run.join("KRW-ETH");
    unread.reading = false;
    run.pass(10);
    unread.close();
    expect([run.hub.clientCount, run.hub.groupCount, run.hub.tailBytes]).toEqual([0, 0, 0]);
  });

  test("close() ends every stream within the window and takes no new one", () => {
    const run = open();
    const wires = [run.join("all"), run.join("KRW-BTC")];
    run.pass(10);
    run.hub.close(1_000);
    run.pass(1_000);
    expect(wires.every(({ ended }) => ended)).toBe(true);
    expect(run.join("all").ended).toBe(true);
  });

  test("latency is measured once an event, when it is written", () => {
    const run = open();
    run.join("KRW-BTC");
    run.join("all");
    run.pass(0);
    run.pass(10);
    run.ticker("KRW-BTC", run.nowMs - 7);
    run.pass(0);
    expect(run.latencies).toEqual([7]);
  });

  test("whatever happens, every reader ends with the newest of everything and never went back", () => {
    const market = fc.constantFrom("KRW-BTC", "KRW-ETH", "BTC-ETH");
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.constant("ticker"), market, fc.nat(40), fc.nat(0)) },
      { weight: 6, arbitrary: fc.tuple(fc.constant("candle"), market, fc.nat(40), fc.nat(8)) },
      { weight: 3, arbitrary: fc.tuple(fc.constant("pass"), market, fc.nat(20), fc.nat(0)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant("join"), market, fc.nat(2), fc.nat(0)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant("stop"), market, fc.nat(5), fc.nat(0)) },
      { weight: 1, arbitrary: fc.tuple(fc.constant("resume"), market, fc.nat(5), fc.nat(0)) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const run = open({ unsentBytesMax: 300, behindMsMax: 1e9, mailboxEntriesMax: 1e6 });
        const wires: FakeWire[] = [run.join("all")];
        for (const [kind, name, a, b] of steps) {
          if (kind === "ticker") run.ticker(name, a);
          else if (kind === "candle") run.candle(name, b * 1_000, b * 1_000 + a);
          else if (kind === "pass") run.pass(a);
          else if (kind === "join") wires.push(run.join(["all", "KRW", name][a]!));
          else if (kind === "stop") wires[a % wires.length]!.reading = false;
          else wires[a % wires.length]!.resume();
        }
        for (const wire of wires) wire.resume();
        run.pass(1_000);
        for (const wire of wires) wire.resume();
        const all = merged(wires[0]!);
        for (const wire of wires) {
          // what a narrower reader has equals what the reader of everything has, and nothing of it is missing
          const own = merged(wire);
          const markets = new Set([...own.keys()].map((identity) => identity.split(" ")[1]));
          for (const [identity, revision] of all) {
            if (markets.has(identity.split(" ")[1])) expect(own.get(identity)).toBe(revision);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** Newest revision by identity; fails where an event is older than one before it. */
function merged(wire: FakeWire): Map<string, Revision> {
  const seen = new Map<string, Revision>();
  const take = (identity: string, revision: Revision): void => {
    const before = seen.get(identity);
    if (before !== undefined) expect(newer(revision, before)).toBe(true);
    seen.set(identity, revision);
  };
  for (const { name, data } of wire.events) {
    if (name === "tail") {
      const { tickers, candles } = decodeTail(data);
      for (const { market, revision } of tickers) take(`ticker ${market}`, revision);
      for (const { market, startsAtMs, revision } of candles) {
        take(`candle ${market} ${startsAtMs}`, revision);
      }
    } else if (name === "ticker") {
      const { market, revision } = decodeTickerEvent(data);
      take(`ticker ${market}`, revision);
    } else if (name === "candle") {
      const { market, startsAtMs, revision } = decodeCandleEvent(data);
      take(`candle ${market} ${startsAtMs}`, revision);
    }
  }
  return seen;
}
