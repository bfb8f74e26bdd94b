import fc from "fast-check";
import { expect, test } from "vitest";
import { AmendedBook } from "./amended_book.ts";
import { SimulatedBook } from "./simulated_book.ts";
import { sumOfTrades } from "./sum.ts";

const nowMs = Date.UTC(2026, 10, 22, 15);
const base = new SimulatedBook({ seed: 42, markets: { KRW: 3 }, rate: 1, lateShare: 0.1 });
const market = "KRW-BTC";
const since = nowMs - 600_000;
const moment = fc.integer({ min: since, max: nowMs });

test("sum(), lastTrade() and trades() tell one amended truth, whatever was taken out or halted", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(moment, fc.integer({ min: 1, max: 90_000 })), { maxLength: 3 }),
      fc.array(fc.nat(5000), { maxLength: 20 }),
      moment,
      moment,
      fc.integer({ min: -3000, max: 3000 }),
      (halts, picks, a, b, aheadMs) => {
        const book = new AmendedBook(base);
        for (const [atMs, forMs] of halts) book.halt(null, atMs, atMs + forMs);
        const all = base.trades(market, since, nowMs);
        const out = new Set(picks.map((pick) => all[pick % all.length]!));
        book.remove(market, [...out]);
        const [fromMs, toMs] = [Math.min(a, b), Math.max(a, b)];
        const asOfMs = toMs + aheadMs;
        const kept = all.filter((trade) =>
          ![...out].some((gone) => gone.sequentialId === trade.sequentialId) &&
          !halts.some(([atMs, forMs]) => atMs <= trade.timeMs && trade.timeMs < atMs + forMs)
        );
        expect(book.trades(market, since, nowMs)).toEqual(kept);
        const counted = kept.filter((trade) => trade.countedMs <= asOfMs);
        const inside = counted.filter(({ timeMs }) => fromMs <= timeMs && timeMs < toMs);
        expect(book.sum(market, fromMs, toMs, asOfMs)).toEqual(sumOfTrades(inside));
        const last = counted.findLast(({ timeMs }) => timeMs < toMs);
        if (last) expect(book.lastTrade(market, toMs, asOfMs)).toEqual(last);
      },
    ),
    { numRuns: 60 },
  );
});

test("traded() slides: the same as summing anew", () => {
  const book = new AmendedBook(base);
  const untilMs = nowMs - 300_000;
  for (let sinceMs = nowMs - 7_200_000; sinceMs < untilMs; sinceMs += 613_000) {
    const { volume, turnover } = base.sum(market, sinceMs, untilMs, nowMs)!;
    expect(book.traded(market, sinceMs, untilMs, nowMs)).toMatchObject({ volume, turnover });
  }
});
