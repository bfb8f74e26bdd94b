import type { Interval } from "#core/interval.ts";
import { partitionOf } from "#core/partition.ts";
import type { LiveEvent } from "../live_event.ts";
import { Hub, type HubLimits } from "../sse/hub.ts";
import { subscription } from "../sse/subscription.ts";
import { tailFrame } from "../sse/tail.ts";
import { Board } from "../state/board.ts";
import { candleEventAt, rollupEventAt, tickerEventAt } from "./events.ts";
import { FakeWire } from "./fake_wire.ts";

/** A hub over a board whose time stands still until it is moved. */
export class TestHub {
  nowMs = 1_000_000;
  readonly board: Board;
  readonly hub: Hub;
  readonly counts = { events: 0, writes: 0, bytes: 0, conflated: 0, cut: [] as string[] };
  readonly latencies: number[] = [];
  #jobs: { readonly atMs: number; readonly run: () => void }[] = [];
  #offset = 0n;

  constructor(limits: Partial<HubLimits> = {}, tailRowsMax = 10_000) {
    this.board = new Board({ tailRowsMax, partitions: 12 });
    this.hub = new Hub({
      clientsMax: 100,
      clientsPerAddressMax: 50,
      unsentBytesMax: 1_000,
      behindMsMax: 5_000,
      mailboxEntriesMax: 1_000,
      tailBytesMax: 1_000_000,
      tickMsMin: 5,
      tickMsMax: 100,
      heartbeatMs: 10_000,
      ...limits,
    }, {
      now: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      later: (run, waitMs) => this.#jobs.push({ atMs: this.nowMs + waitMs, run }),
      chance: () => 0.5,
      tail: (wanted) => tailFrame(this.board, "simulator", wanted),
      meter: {
        sent: (events, writes, bytes) => {
          this.counts.events += events;
          this.counts.writes += writes;
          this.counts.bytes += bytes;
        },
        latency: (ms) => this.latencies.push(ms),
        conflated: (events) => this.counts.conflated += events,
        cut: (reason) => this.counts.cut.push(reason),
        tick: () => {},
      },
    });
  }

  join(
    markets: string,
    events: string | null = null,
    address = "a",
    intervals: string | null = null,
  ): FakeWire {
    const wire = new FakeWire();
    this.hub.join(wire, address, subscription(markets, events, intervals));
    return wire;
  }

  /** What a record would do: the board decides whether it is news. */
  ticker(name: string, timestampMs: number): LiveEvent | null {
    return this.#publish(this.board.takeTicker(tickerEventAt(name, timestampMs)));
  }

  candle(name: string, startsAtMs: number, lastTickAtMs: number): LiveEvent | null {
    const event = candleEventAt(name, startsAtMs, lastTickAtMs);
    const partition = partitionOf(event.market);
    return this.#publish(this.board.takeCandle(event, partition, this.#offset++));
  }

  rollup(name: string, interval: Interval, startsAtMs: number, sequence: number): LiveEvent | null {
    const event = rollupEventAt(name, interval, startsAtMs, sequence);
    const partition = partitionOf(event.market);
    return this.#publish(this.board.takeRollup(event, partition, this.#offset++, this.nowMs));
  }

  /** Moves time on and runs what is due. */
  pass(ms = 0): void {
    this.nowMs += ms;
    for (let due = this.#due(); due.length > 0; due = this.#due()) {
      for (const { run } of due) run();
    }
  }

  #due(): { readonly run: () => void }[] {
    const due = this.#jobs.filter(({ atMs }) => atMs <= this.nowMs);
    this.#jobs = this.#jobs.filter(({ atMs }) => atMs > this.nowMs);
    return due;
  }

  #publish(event: LiveEvent | null): LiveEvent | null {
    if (event !== null) this.hub.publish(event);
    return event;
  }
}
