import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Gap } from "#core/gap.ts";
import type { Second } from "../tests/whole/seconds.ts";
import { GapStack } from "./testing/gap_stack.ts";
import {
  between,
  expectHeld,
  expectNamed,
  type SessionSpan,
  toldSince,
} from "./testing/told_gaps.ts";

/**
 * Real services through our own restarts and lost links, and through a handover that must leave no gap, as `GET /api/gaps`
 * tells them. Nothing is repaired here. What begins with Kafka or the exchange away is in gaps_away.test.ts.
 */

/** When things were broken, ms. */
const at = { stopped: 0, killed: 0, handedOver: 0, lost: 0, silenced: 0 };
let stack: GapStack;
let whileGone: Gap;
let missed: readonly Second[];
let sessions: readonly SessionSpan[];
/** Newest first. */
let gaps: readonly Gap[];

beforeAll(async () => {
  stack = await GapStack.start();
  const { exchange } = stack;
  const first = stack.ingest();
  await stack.collecting(0, "the first ingest");

  at.stopped = Date.now();
  await stack.end(first, "SIGTERM");
  await sleep(3_000);
  const second = stack.ingest();
  await stack.collecting(at.stopped, "after the stop");

  // what was waited for was a mark: at this moment the newest is always fresh
  await sleep(4_000);
  at.killed = Date.now();
  await stack.end(second, "SIGKILL");
  whileGone = await stack.provisional("unknown", 30_000);
  const third = stack.ingest();
  await stack.collecting(at.killed, "after the kill");

  // a spare takes over: both run for a while, then the older one goes
  const spareMs = Date.now();
  stack.ingest();
  await stack.collecting(spareMs, "the spare");
  at.handedOver = Date.now();
  await stack.end(third, "SIGTERM");
  await sleep(3_000);

  at.lost = Date.now();
  await exchange.fault({ kind: "refuse", for_ms: 3_000 });
  await exchange.fault({ kind: "idle_close", for_ms: 500 });
  await stack.collecting(at.lost, "after the link was lost");

  at.silenced = Date.now();
  await exchange.fault({ kind: "half_open", for_ms: 3_000 });
  await stack.collecting(at.silenced, "after the silence");

  ({ missed, sessions, gaps } = await toldSince(stack, at.stopped));
}, 400_000);

afterAll(() => stack?.stop(), 60_000);

test("each leaves one gap of all markets, by name; the handover leaves none", () => {
  expectNamed(stack, gaps, ["silent_link", "link_lost", "restart", "restart"]);
});

test("while a killed ingest is gone nothing says why: unknown and provisional, up to now; the next one's begin tells", () => {
  const [, , killed] = gaps;
  expect(whileGone).toMatchObject({ markets: killed!.markets, permanent: false });
  expect(whileGone.sinceMs).toBe(killed!.sinceMs);
  expect(whileGone.untilMs).toBeLessThan(killed!.untilMs);
});

describe("extent", () => {
  test("every second that was missed lies in a gap, and none was missed in the handover", () => {
    expectHeld(gaps, missed);
  });

  test("from 5 s before the last proof to 5 s after the next session's begin, in whole seconds", () => {
    const [stopped, killed, handedOver, lost, silenced, running] = sessions;
    expect(sessions).toHaveLength(6);
    expect(gaps.map(({ sinceMs, untilMs }) => ({ sinceMs, untilMs }))).toEqual([
      between(silenced!, running!),
      between(lost!, silenced!),
      between(killed!, handedOver!),
      between(stopped!, killed!),
    ]);
    expect(handedOver!.untilMs - lost!.sinceMs).toBeGreaterThan(10_000);
  });

  test("the last proof is at most 10 s older than the break, also where the end was never told", () => {
    const [stopped, killed, handedOver, lost, silenced] = sessions;
    // marks come once a second, and later where Kafka or the machine is busy: what was not yet said when it died counts as missed
    expect(at.stopped - stopped!.untilMs).toBeLessThan(10_000);
    expect(at.killed - killed!.untilMs).toBeLessThan(10_000);
    expect(at.handedOver - handedOver!.untilMs).toBeLessThan(10_000);
    expect(at.lost - lost!.untilMs).toBeLessThan(10_000);
    expect(at.silenced - silenced!.untilMs).toBeLessThan(10_000);
  });
});

test("a market's own gaps are the same; what lies outside the stretch asked for is cut off", async () => {
  const [newest, , killed] = gaps;
  const [market] = newest!.markets;
  expect((await stack.page({ market: market! })).gaps)
    .toEqual(gaps.map((gap) => ({ ...gap, markets: [market] })));
  const cut = { since: iso(killed!.sinceMs + 2_000), until: iso(killed!.untilMs - 2_000) };
  expect((await stack.page({ market: market!, ...cut })).gaps).toEqual([{
    ...killed!,
    markets: [market],
    sinceMs: killed!.sinceMs + 2_000,
    untilMs: killed!.untilMs - 2_000,
  }]);
});

test("what is no longer kept is permanent, cut where keeping begins", async () => {
  const [silent, lost, killed, stopped] = gaps;
  const keptMs = killed!.sinceMs + 3_000;
  await stack.owner`UPDATE retention SET kept_since = ${iso(keptMs)}::text::timestamptz
    WHERE relation = 'market_candle_1s'`;
  expect((await stack.page()).gaps).toEqual([
    silent,
    lost,
    { ...killed!, sinceMs: keptMs },
    { ...killed!, untilMs: keptMs, permanent: true },
    { ...stopped!, permanent: true },
  ]);
});

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
