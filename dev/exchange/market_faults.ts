import type { AmendedBook } from "./amended_book.ts";
import { bucketStartMs } from "./calendar.ts";
import type { Clock } from "./clock.ts";
import type { Fault } from "./fault.ts";
import type { Effect, Faults } from "./faults.ts";
import { sumOfTrades, type Trade } from "./sum.ts";
import { lateMsMax } from "./tape.ts";

/** How far back a correction reaches. */
const correctedMsMax = 60_000;

export interface MarketFaultPorts {
  readonly book: AmendedBook;
  readonly clock: Clock;
  readonly chance: () => number;
  /** Lists a market that was never there; undefined where the book cannot. */
  readonly list: ((market: string, atMs: number) => void) | undefined;
  /** Sends again what a market's moment changed. */
  readonly resend: (market: string, atMs: number) => void;
}

/** Faults that change what is true: corrections, listings, and a time when nobody trades. */
export function hookMarketFaults(faults: Faults, ports: MarketFaultPorts): void {
  const { book, clock } = ports;
  let endMaintenance: (untilMs: number) => void = () => {};
  faults.hook("maintenance", ({ for_ms }) => {
    const sinceMs = nextSecondMs(clock);
    endMaintenance = book.halt(null, sinceMs, sinceMs + for_ms * clock.speed);
    return { at_ms: sinceMs };
  }, () => endMaintenance(nextSecondMs(clock)));
  faults.hook("clock_step", ({ by_ms }) => {
    clock.step(by_ms);
    stepped = by_ms;
  }, () => clock.step(-stepped));
  let stepped = 0;
  faults.hook("correction", (fault) => correct(ports, fault));
  const relist = new Map<string, (untilMs: number) => void>();
  faults.hook("delisted", ({ market: wanted }) => {
    const names = book.names(clock.trueMs()).map((name) => name.market);
    const market = wanted ?? names[Math.floor(ports.chance() * names.length)] ?? "";
    if (!names.includes(market)) throw new RangeError(`${market} is not listed`);
    const sinceMs = nextSecondMs(clock);
    relist.set(market, book.halt(market, sinceMs, Number.MAX_SAFE_INTEGER));
    return { market, at_ms: sinceMs };
  });
  let made = 0;
  faults.hook("listed", ({ market: wanted }) => {
    const market = wanted ?? `KRW-NEW${++made}`;
    const atMs = nextSecondMs(clock);
    const again = relist.get(market);
    if (again !== undefined) {
      again(atMs);
      relist.delete(market);
    } else if (ports.list === undefined) throw new RangeError("a recording lists no new market");
    else ports.list(market, atMs);
    return { market, at_ms: atMs };
  });
}

/** Markets begin and end on whole seconds. */
function nextSecondMs(clock: Clock): number {
  return bucketStartMs("s", clock.trueMs() + 999);
}

/**
 * Takes trades out of a closed second, so that its volume or its high is lower; its `timestamp` stays, which makes it the
 * harder case. The second, and whatever holds it, is sent again.
 */
function correct(ports: MarketFaultPorts, fault: Fault): Effect {
  const { book, clock, chance } = ports;
  const nowMs = clock.trueMs();
  const lower = fault.lower ?? (chance() < 0.5 ? "volume" : "high");
  const names = book.names(nowMs).map((name) => name.market);
  if (fault.market !== undefined && !names.includes(fault.market)) {
    throw new RangeError(`${fault.market} is not listed`);
  }
  const from = Math.floor(chance() * names.length);
  const markets = fault.market !== undefined
    ? [fault.market]
    : [...names.slice(from), ...names.slice(0, from)];
  const lastMs = bucketStartMs("s", nowMs - 1000 - lateMsMax) - 1000;
  for (const market of markets) {
    for (let atMs = lastMs; atMs > nowMs - correctedMsMax; atMs -= 1000) {
      const trades = book.trades(market, atMs, atMs + 1000);
      const out = lower === "high" ? highest(trades) : trades.slice(1, 2);
      const before = sumOfTrades(trades);
      const after = sumOfTrades(trades.filter((trade) => !out.includes(trade)));
      if (out.length === 0 || after?.lastTickAtMs !== before!.lastTickAtMs) continue;
      book.remove(market, out);
      if (fault.told !== false) ports.resend(market, atMs);
      return { market, lower, starts_at_ms: atMs, trades: out.length };
    }
  }
  throw new RangeError(`no second of the last minute can get a lower ${lower}`);
}

function highest(trades: readonly Trade[]): readonly Trade[] {
  const prices = trades.map((trade) => trade.price);
  const high = prices.reduce((a, b) => (a > b ? a : b), 0n);
  return prices.some((price) => price < high) ? trades.filter((t) => t.price === high) : [];
}
