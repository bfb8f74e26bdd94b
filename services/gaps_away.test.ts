import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Gap } from "#core/gap.ts";
import { until } from "../tests/until.ts";
import type { Second } from "../tests/whole/seconds.ts";
import { KafkaProcess } from "./ingest/testing/kafka_process.ts";
import { GapStack } from "./testing/gap_stack.ts";
import {
  between,
  expectHeld,
  expectNamed,
  type SessionSpan,
  toldSince,
} from "./testing/told_gaps.ts";

/**
 * Gaps that others leave, while our collector runs: the exchange in maintenance for longer than a minute, and Kafka away until
 * frames do not fit any more. What `GET /api/gaps` tells before it knows the end, and after.
 */

/** So few that a broker killed for seconds is too long, and more than an acknowledgement on a busy machine lets wait. */
const OUTBOX_RECORDS = "500";

let kafka: KafkaProcess;
let stack: GapStack;
let refused: Gap;
let maintained: Gap;
let whileAway: Gap;
let missed: readonly Second[];
let sessions: readonly SessionSpan[];
/** Newest first. */
let gaps: readonly Gap[];

beforeAll(async () => {
  kafka = await KafkaProcess.start();
  stack = await GapStack.start({
    kafka: kafka.brokers.join(),
    ingest: { OUTBOX_RECORDS },
  });
  const { exchange } = stack;
  stack.ingest();
  await stack.collecting(0, "ingest");

  const refusedMs = Date.now();
  // away before trading ends: of the last second alone nothing might be missed, since the snapshot afterwards tells it
  await exchange.fault({ kind: "refuse", for_ms: 4_000 });
  await exchange.fault({ kind: "idle_close", for_ms: 500 });
  await sleep(3_000);
  await exchange.fault({ kind: "maintenance", for_ms: 300_000 });
  refused = await stack.provisional("link_lost", 20_000);
  maintained = await stack.provisional("maintenance", 120_000);
  await exchange.fault({ kind: "maintenance", for_ms: 0 });
  await stack.collecting(refusedMs, "after the maintenance");

  const killedMs = Date.now();
  await kafka.kill();
  await until("frames are lost", 60_000, () => stack.output.includes('"outbox_full"'));
  whileAway = await stack.provisional("unknown", 30_000);
  await kafka.restart();
  await stack.collecting(killedMs, "after the outage");

  ({ missed, sessions, gaps } = await toldSince(stack, refusedMs));
}, 500_000);

afterAll(async () => {
  await stack?.stop();
  await kafka?.remove();
}, 60_000);

test("maintenance and Kafka away leave one gap of all markets each, by name", () => {
  expectNamed(stack, gaps, ["kafka_away", "maintenance"]);
});

test("every second that was missed lies in one, and none is longer than what no session saw and 5 s at each end", () => {
  expectHeld(gaps, missed);
  const [refusedAfter, away, running] = sessions;
  expect(sessions).toHaveLength(3);
  expect(gaps.map(({ sinceMs, untilMs }) => ({ sinceMs, untilMs }))).toEqual([
    between(away!, running!),
    between(refusedAfter!, away!),
  ]);
});

test("while the exchange refuses us, a lost link is named first, and maintenance after a minute", () => {
  const [, maintenance] = gaps;
  expect([refused.sinceMs, maintained.sinceMs]).toEqual([
    maintenance!.sinceMs,
    maintenance!.sinceMs,
  ]);
  expect(refused.untilMs - refused.sinceMs).toBeLessThan(70_000);
  expect(maintained.untilMs - maintained.sinceMs).toBeGreaterThanOrEqual(69_000);
  expect(maintained).toMatchObject({ markets: maintenance!.markets, permanent: false });
});

test("while Kafka is away nothing says why: unknown and provisional; what fitted into the buffer makes it begin later", () => {
  const [away] = gaps;
  expect(whileAway).toMatchObject({ markets: away!.markets, permanent: false });
  expect(whileAway.sinceMs).toBeLessThan(away!.sinceMs);
  expect(whileAway.untilMs).toBeLessThan(away!.untilMs);
});
