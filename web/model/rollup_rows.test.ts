import fc from "fast-check";
import { expect, test } from "vitest";
import type { CandlePage, FoldedParts } from "#core/candle_page.ts";
import { decimal } from "#core/decimal.ts";
import { type CandleEvent, candleEvent } from "#core/event/candle_event.ts";
import type { PostgresCandleEvent } from "#core/event/postgres_candle_event.ts";
import type { Interval } from "#core/interval.ts";
import { market } from "#core/market.ts";
import { newer, rollupRevision } from "#core/revision.ts";
import { CandleSeries } from "./candle_series.ts";
import { PartStore } from "./part_store.ts";
import { RollupRows } from "./rollup_rows.ts";

const BTC = market("KRW-BTC");
const MINUTE = 60_000;

/** A trade history small enough to be computed again by hand: whole prices and volumes, revised with age. */
interface Second {
  readonly at: number;
  readonly age: number;
  readonly open: number;
  readonly close: number;
  readonly reach: number;
  readonly volume: number;
}

function event({ at, age, open, close, reach, volume }: Second): CandleEvent {
  const text = (value: number) => decimal(String(value));
  return candleEvent(
    {
      market: BTC,
      interval: "1s",
      startsAtMs: at * 1_000,
      open: text(open),
      high: text(Math.max(open, close) + reach),
      low: text(Math.min(open, close) - reach),
      close: text(close),
      volume: decimal(`${volume}.00000001`),
      turnover: text(volume * close),
      lastTickAtMs: at * 1_000 + age,
    },
    at * 1_000 + 1_007,
    "websocket",
  );
}

type Plain = readonly [
  open: number,
  high: number,
  low: number,
  close: number,
  volume: string,
  turnover: number,
  lastTickAtMs: number,
];

/** The oracle: loops and whole numbers, nothing of core/fold.ts. */
function recomputed(seconds: readonly Second[]): Plain | null {
  if (seconds.length === 0) return null;
  const ascending = [...seconds].sort((a, b) => a.at - b.at);
  let [high, low, volume, turnover, tick] = [-Infinity, Infinity, 0n, 0, 0];
  for (const { open, close, reach, volume: amount, at, age } of ascending) {
    high = Math.max(high, Math.max(open, close) + reach);
    low = Math.min(low, Math.min(open, close) - reach);
    volume += BigInt(amount) * 100_000_000n + 1n;
    turnover += amount * close;
    tick = Math.max(tick, at * 1_000 + age);
  }
  const whole = volume / 100_000_000n;
  const rest = String(volume % 100_000_000n).padStart(8, "0").replace(/0+$/, "");
  return [
    ascending[0]!.open,
    high,
    low,
    ascending.at(-1)!.close,
    `${whole}.${rest}`,
    turnover,
    tick,
  ];
}

/** The database: seconds by newest revision, roll-ups drained from them, each with a revision of its own. */
class Truth {
  readonly seconds = new Map<number, Second>();
  readonly stored = new Map<number, PostgresCandleEvent>();
  readonly lengthMs: number;
  readonly interval: Interval;
  #sequence = 0;

  constructor(interval: Interval, lengthMs: number) {
    this.interval = interval;
    this.lengthMs = lengthMs;
  }

  write(second: Second): CandleEvent {
    const held = this.seconds.get(second.at);
    const arrived = event(second);
    if (held === undefined || newer(arrived.revision, event(held).revision)) {
      this.seconds.set(second.at, second);
    }
    return arrived;
  }

  within(fromMs: number, toMs: number): Second[] {
    return [...this.seconds.values()]
      .filter(({ at }) => at * 1_000 >= fromMs && at * 1_000 < toMs)
      .sort((a, b) => a.at - b.at);
  }

  /** Folds each bucket up to `untilMs`. */
  drain(untilMs: number): PostgresCandleEvent[] {
    const buckets = new Set([...this.seconds.keys()].map((at) => this.bucket(at * 1_000)));
    return [...buckets].sort((a, b) => a - b).flatMap((startsAtMs) => {
      const heldUntilMs = this.stored.get(startsAtMs)?.untilMs ?? 0;
      const bucketUntilMs = Math.max(heldUntilMs, Math.min(untilMs, startsAtMs + this.lengthMs));
      const plain = recomputed(this.within(startsAtMs, bucketUntilMs));
      if (plain === null) return [];
      const [open, high, low, close, volume, turnover, lastTickAtMs] = plain;
      const row: PostgresCandleEvent = {
        market: BTC,
        interval: this.interval,
        startsAtMs,
        open: decimal(String(open)),
        high: decimal(String(high)),
        low: decimal(String(low)),
        close: decimal(String(close)),
        volume: decimal(volume),
        turnover: decimal(String(turnover)),
        lastTickAtMs,
        untilMs: bucketUntilMs,
        closed: bucketUntilMs === startsAtMs + this.lengthMs,
        complete: true,
        deleted: false,
        source: "folded",
        revision: rollupRevision(1, ++this.#sequence),
      };
      this.stored.set(startsAtMs, row);
      return [row];
    });
  }

  bucket(ms: number): number {
    return Math.floor(ms / this.lengthMs) * this.lengthMs;
  }

  /** As the server answers: stored rows, the newest not folded onto, and what is not in it. */
  page(): CandlePage {
    const stored = [...this.stored.values()].sort((a, b) => a.startsAtMs - b.startsAtMs);
    const newest = stored.at(-1);
    const sinceMs = newest?.untilMs ?? 0;
    const parts = this.within(sinceMs, Infinity).map(event);
    const foldedFrom = parts.length === 0 ? Infinity : this.bucket(parts[0]!.startsAtMs);
    return {
      market: BTC,
      interval: this.interval,
      known_until_ms: 1e15,
      more: false,
      columns: columns(stored.filter(({ startsAtMs }) => startsAtMs < foldedFrom)),
      folded: {
        since_ms: sinceMs,
        stored: columns(newest === undefined ? [] : [newest]),
        parts: partColumns(parts),
      },
    };
  }
}

function columns(rows: readonly PostgresCandleEvent[]): CandlePage["columns"] {
  return {
    starts_at_ms: rows.map((row) => row.startsAtMs),
    open: rows.map((row) => row.open),
    high: rows.map((row) => row.high),
    low: rows.map((row) => row.low),
    close: rows.map((row) => row.close),
    volume: rows.map((row) => row.volume),
    turnover: rows.map((row) => row.turnover),
    last_tick_at_ms: rows.map((row) => row.lastTickAtMs),
    received_at_ms: rows.map(() => null),
    origin: rows.map(() => null),
    revisions: rows.map(() => null),
    revision: rows.map((row) => row.revision),
    closed: rows.map((row) => row.closed),
    complete: rows.map((row) => row.complete),
    until_ms: rows.map((row) => row.untilMs),
  };
}

function partColumns(parts: readonly CandleEvent[]): FoldedParts["parts"] {
  return {
    starts_at_ms: parts.map((part) => part.startsAtMs),
    interval: parts.map(() => "1s"),
    open: parts.map((part) => part.open),
    high: parts.map((part) => part.high),
    low: parts.map((part) => part.low),
    close: parts.map((part) => part.close),
    volume: parts.map((part) => part.volume),
    turnover: parts.map((part) => part.turnover),
    last_tick_at_ms: parts.map((part) => part.lastTickAtMs),
    revision: parts.map((part) => part.revision),
  };
}

function shown(rows: RollupRows): Record<string, Plain> {
  return Object.fromEntries(rows.series.columns.startsAtMs.map((startsAtMs) => {
    const row = rows.series.rowAt(startsAtMs)!;
    return [startsAtMs, [
      Number(row.open),
      Number(row.high),
      Number(row.low),
      Number(row.close),
      row.volume,
      Number(row.turnover),
      row.lastTickAtMs,
    ]];
  }));
}

function expected(truth: Truth): Record<string, Plain> {
  const starts = new Set([...truth.seconds.keys()].map((at) => truth.bucket(at * 1_000)));
  return Object.fromEntries(
    [...starts].map((ms) => [ms, recomputed(truth.within(ms, ms + truth.lengthMs))!]),
  );
}

const second = fc.record({
  at: fc.integer({ min: 0, max: 400 }),
  age: fc.integer({ min: 0, max: 999 }),
  open: fc.integer({ min: 100, max: 900 }),
  close: fc.integer({ min: 100, max: 900 }),
  reach: fc.integer({ min: 0, max: 50 }),
  volume: fc.integer({ min: 0, max: 9 }),
});

/** Seconds with revisions, and between them the drain's rounds. */
const history = fc.array(
  fc.oneof(
    { arbitrary: second.map((one) => ({ second: one })), weight: 5 },
    { arbitrary: fc.integer({ min: 1, max: 420 }).map((at) => ({ drainTo: at })), weight: 1 },
  ),
  { minLength: 1, maxLength: 60 },
);

const LENGTHS: readonly (readonly [Interval, number])[] = [["1m", MINUTE], ["3m", 3 * MINUTE]];

test("in whatever order seconds, revisions and stored rows arrive, what is shown equals a recomputation", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...LENGTHS),
      history,
      fc.integer({ min: 1, max: 420 }),
      fc.nat(),
      ([interval, lengthMs], steps, lastDrainS, seed) => {
        const truth = new Truth(interval, lengthMs);
        const rows = new RollupRows(BTC, interval);
        rows.page(truth.page());
        const events: (CandleEvent | PostgresCandleEvent)[] = [];
        for (const step of steps) {
          if ("second" in step) events.push(truth.write(step.second));
          else events.push(...truth.drain(step.drainTo * 1_000));
        }
        // a drain that followed the last second, as one does: each late second is in some row
        events.push(...truth.drain(lastDrainS * 1_000));
        for (const one of shuffled([...events, ...events.slice(0, 9)], seed)) {
          if ("source" in one) rows.rollup(one);
          else rows.second(one);
        }
        expect(shown(rows)).toEqual(expected(truth));
      },
    ),
    { numRuns: 300 },
  );
});

test("after every single event the newest candle is its stored row and each held second behind it", () => {
  fc.assert(fc.property(
    fc.constantFrom(...LENGTHS),
    fc.array(second, { minLength: 1, maxLength: 40 }),
    fc.integer({ min: 0, max: 40 }),
    fc.integer({ min: 0, max: 40 }),
    ([interval, lengthMs], seconds, drainedAfter, pageAfter) => {
      const truth = new Truth(interval, lengthMs);
      const rows = new RollupRows(BTC, interval);
      rows.page(truth.page());
      let untilMs = 0;
      seconds.forEach((one, at) => {
        if (one.at * 1_000 < untilMs) return; // dirty: in the drain's next round
        rows.second(truth.write(one));
        if (at === drainedAfter) {
          untilMs = Math.max(...[...truth.seconds.keys()]) * 1_000;
          for (const row of truth.drain(untilMs)) rows.rollup(row);
        }
        if (at === pageAfter) {
          rows.begin();
          rows.page(truth.page());
        }
        expect(shown(rows)).toEqual(expected(truth));
      });
    },
  ));
});

const at = (second: number, over: Partial<Second> = {}): Second => ({
  at: second,
  age: 5,
  open: 500,
  close: 510,
  reach: 0,
  volume: 1,
  ...over,
});

test("over a lost connection's hole nothing is summed: what was shown stays until the page tells", () => {
  const truth = new Truth("1m", MINUTE);
  const rows = new RollupRows(BTC, "1m");
  rows.page(truth.page());
  rows.second(truth.write(at(1)));
  truth.write(at(2, { volume: 7 })); // while away
  rows.begin();
  expect(rows.second(truth.write(at(3)))).toBe(false);
  expect(rows.series.last!.volume).toBe("1.00000001");
  rows.page(truth.page());
  expect(shown(rows)).toEqual(expected(truth));
});

test("a stored row of older revision never replaces a newer one; an emptied bucket goes and stays away", () => {
  const truth = new Truth("1m", MINUTE);
  const rows = new RollupRows(BTC, "1m");
  rows.page(truth.page());
  truth.write(at(1));
  const [older] = truth.drain(MINUTE) as [PostgresCandleEvent];
  truth.write(at(1, { age: 9, volume: 3 }));
  const [corrected] = truth.drain(MINUTE) as [PostgresCandleEvent];
  expect(rows.rollup(corrected)).toBe(true);
  expect(rows.rollup(older)).toBe(false);
  expect(rows.series.last!.volume).toBe("3.00000001");
  const gone = { ...corrected, deleted: true, revision: rollupRevision(1, 99) };
  expect(rows.rollup(gone)).toBe(true);
  expect(rows.rollup(corrected)).toBe(false);
  expect(rows.series.length).toBe(0);
});

test("a second that was taken back leaves the sum of the candle that is forming", () => {
  const truth = new Truth("1m", MINUTE);
  const rows = new RollupRows(BTC, "1m");
  truth.write(at(1));
  rows.page(truth.page());
  rows.second(event(at(2)));
  const before = rows.series.last!.volume;
  rows.second(event(at(3)));
  expect(rows.series.last!.volume).not.toBe(before);
  expect(rows.second({ ...event(at(3)), deleted: true })).toBe(true);
  expect(rows.series.last!.volume).toBe(before);
});

test("what a page knows to be incomplete is so on the chart, forming or closed", () => {
  const truth = new Truth("1m", MINUTE);
  truth.write(at(1));
  truth.drain(MINUTE);
  truth.write(at(61));
  const page = truth.page();
  const rows = new RollupRows(BTC, "1m");
  const { columns } = page;
  rows.page({ ...page, columns: { ...columns, complete: columns.complete.map(() => false) } });
  expect(rows.series.columns.incomplete).toEqual([false, false]); // its stored row says otherwise
  const [closed] = truth.drain(2 * MINUTE).slice(-1) as [PostgresCandleEvent];
  rows.rollup({ ...closed, complete: false, revision: rollupRevision(1, 77) });
  expect(rows.series.columns.incomplete).toEqual([false, true]);
});

test("seconds are held to a limit; past it, and where a closing was missed, the page is asked for", () => {
  const rows = new RollupRows(BTC, "1m", new CandleSeries(), new PartStore(5));
  rows.page(new Truth("1m", MINUTE).page());
  for (let n = 0; n < 5; n++) rows.second(event(at(n)));
  expect(rows.wantsPage(6_000)).toBe(false);
  rows.second(event(at(5)));
  expect(rows.wantsPage(6_000)).toBe(true);
  const missed = new RollupRows(BTC, "1m");
  missed.page(new Truth("1m", MINUTE).page());
  missed.second(event(at(1)));
  missed.second(event(at(61)));
  expect(missed.wantsPage(62_000)).toBe(false);
  missed.second(event(at(110)));
  expect(missed.wantsPage(111_000)).toBe(true);
});

function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  const rest = [...items];
  const out: Item[] = [];
  let state = seed;
  while (rest.length > 0) {
    state = (state * 48_271 + 11) % 2_147_483_647;
    out.push(...rest.splice(state % rest.length, 1));
  }
  return out;
}
