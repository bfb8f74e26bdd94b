import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CandleColumns } from "#core/candle_page.ts";
import { foldOnto } from "#core/fold.ts";
import { type Interval } from "#core/interval.ts";
import { newer, type Revision } from "#core/revision.ts";
import { BTC, HistoryWorld } from "../testing/history_world.ts";
import type { ReadPage } from "../testing/pages.ts";

let world: HistoryWorld;

beforeAll(async () => {
  world = await HistoryWorld.start();
});
afterAll(() => world.stop());

const ASKED: readonly Interval[] = ["1s", "1m", "5m", "1h"];

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("trade" as const),
      passS: fc.constantFrom(0, 1, 20, 61),
      backS: fc.nat(90),
      price: fc.integer({ min: 1, max: 99 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("mark" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drain" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("relay" as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("deliver" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      interval: fc.constantFrom(...ASKED),
      count: fc.constantFrom(3, 200),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart persist" as const) }) },
);

/**
 * Seconds come, are drained and relayed, Redis is told late or never, and loses all: whatever the order, an answer shows rows as
 * PostgreSQL holds or held them, all of them, never an older revision than before; and when Redis has heard all,
 * PostgreSQL's own answer.
 */
test("any interleaving of writes, drains, the relay, flushes and reads", async () => {
  let reads = 0;
  let hits = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      await world.clear();
      let nowS = 100;
      let tickMs = 0;
      let undelivered: (() => void)[] = [];
      const shown = new Map<string, Revision>();
      const stored = new Map<string, string>();
      world.nowMs = world.startMs + nowS * 1_000;
      const read = async (interval: Interval, count: number): Promise<ReadPage> => {
        await remember(stored);
        const page = await world.page(interval, count);
        reads++;
        if (world.answers.at(-1) === null) hits++;
        expectNotOlder(page, shown);
        expectStored(page, stored);
        expectFolded(page);
        return page;
      };
      for (const one of steps) {
        if (one.do === "trade") {
          nowS += one.passS;
          world.nowMs = world.startMs + nowS * 1_000;
          undelivered.push(
            await world.storeSeconds({
              at: Math.max(0, nowS - one.backS),
              price: String(one.price),
              tickMs: ++tickMs,
            }),
          );
        } else if (one.do === "mark") undelivered.push(await world.storeMark());
        else if (one.do === "drain") await world.drain();
        else if (one.do === "relay") undelivered.push(await world.relay());
        else if (one.do === "deliver") {
          for (const tell of undelivered.splice(0)) tell();
          await world.idle();
        } else if (one.do === "flush") await world.flush();
        else if (one.do === "restart persist") {
          undelivered = [];
          await world.restartPersist();
        } else await read(one.interval, one.count);
      }
      undelivered.push(await world.storeMark(), await world.relay());
      for (const tell of undelivered) tell();
      await world.idle();
      for (const interval of ASKED) {
        for (const count of [200, 3]) {
          await read(interval, count);
          expect(await read(interval, count), interval).toEqual(
            await world.truePage(interval, count),
          );
        }
      }
    }),
    { numRuns: 40 },
  );
  // otherwise nothing was tried
  expect(hits / reads).toBeGreaterThan(0.3);
}, 480_000);

/** Every revision of every row that PostgreSQL has held at a read: what it says. */
async function remember(stored: Map<string, string>): Promise<void> {
  const rows = await world.owner`
    SELECT interval, (extract(epoch FROM starts_at) * 1000)::bigint::text AS start, sequence::text AS sequence,
      concat_ws(' ', open, high, low, close, volume, turnover) AS values FROM market_candle WHERE market = ${BTC}`;
  for (const { interval, start, sequence, values } of rows) {
    stored.set(`${interval} ${start} ${Number(sequence).toString(36).padStart(9, "0")}`, values);
  }
  const seconds = await world.owner`
    SELECT (extract(epoch FROM starts_at) * 1000)::bigint::text AS start,
      (extract(epoch FROM last_tick_at) * 1000)::bigint AS tick,
      concat_ws(' ', open, high, low, close, volume, turnover) AS values FROM market_candle_1s WHERE market = ${BTC}`;
  for (const { start, tick, values } of seconds) stored.set(`1s ${start} ${tick}`, values);
}

const valuesAt = (columns: Omit<CandleColumns, never>, at: number): string =>
  [
    columns.open,
    columns.high,
    columns.low,
    columns.close,
    columns.volume,
    columns.turnover,
  ].map((column) => column[at]).join(" ");

/** A row that is not folded onto, in the revision it names, is what PostgreSQL holds or held. */
function expectStored({ interval, columns, folded }: ReadPage, stored: Map<string, string>): void {
  const firstFolded = interval === "1s" ? Infinity : folded!.parts.starts_at_ms[0] ?? Infinity;
  for (const [at, start] of columns.starts_at_ms.entries()) {
    if (columns.until_ms[at]! > firstFolded) continue;
    const key = interval === "1s"
      ? `1s ${start} ${columns.last_tick_at_ms[at]}`
      : `${interval} ${start} ${columns.revision[at]!.slice(9)}`;
    expect(stored.get(key), key).toBe(valuesAt(columns, at));
  }
}

/** The newest rows are the fold of the stored one and of the seconds that are given with it. */
function expectFolded({ interval, columns, folded }: ReadPage): void {
  if (folded === undefined) return;
  const candle = (from: CandleColumns | NonNullable<ReadPage["folded"]>["parts"], at: number) => ({
    market: BTC,
    interval: "interval" in from ? from.interval[at]! : interval,
    startsAtMs: from.starts_at_ms[at]!,
    open: from.open[at]!,
    high: from.high[at]!,
    low: from.low[at]!,
    close: from.close[at]!,
    volume: from.volume[at]!,
    turnover: from.turnover[at]!,
    lastTickAtMs: from.last_tick_at_ms[at]!,
  });
  const row = folded.stored.open.length === 0
    ? null
    : { ...candle(folded.stored, 0), untilMs: folded.since_ms };
  const forming = foldOnto(
    interval,
    row,
    folded.parts.open.map((_, at) => candle(folded.parts, at)),
  );
  const shown = columns.open.map((_, at) => candle(columns, at)).slice(-forming.length || Infinity);
  expect(shown).toEqual(
    forming.map(({ untilMs: _, ...rest }) => rest).slice(-columns.open.length),
  );
}

function expectNotOlder(
  { interval, columns, folded }: ReadPage,
  shown: Map<string, Revision>,
): void {
  const seen = (key: string, revision: Revision | null): void => {
    if (revision === null) return;
    const before = shown.get(key);
    expect(before !== undefined && newer(before, revision), key).toBe(false);
    shown.set(key, revision);
  };
  for (const [at, start] of columns.starts_at_ms.entries()) {
    seen(`${interval} ${start}`, columns.revision[at]!);
  }
  for (const [at, start] of (folded?.parts.starts_at_ms ?? []).entries()) {
    seen(`1s ${start}`, folded!.parts.revision[at]!);
  }
}
