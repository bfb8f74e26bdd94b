import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../until.ts";
import { Exchange } from "../whole/exchange.ts";
import { type Evidence, gatherEvidence, judge, type Kill, type Verdict } from "../whole/oracle.ts";
import { allRecovered } from "../whole/recovery.ts";
import { Stack } from "../whole/stack.ts";
import { type Gust, stormPlan } from "./plan.ts";

export interface StormOptions {
  readonly seed: number;
  /** No gust begins after this, or when there were so many. */
  readonly forMs: number;
  readonly gustsMax?: number;
  /** Multiplies the exchange's trading. */
  readonly rate: number;
  /** Told of each gust when it is over. */
  readonly onGust?: (line: string) => void;
}

/** A part that was hit, and how everything recovered. */
export interface Hit extends Kill {
  readonly kind: Gust["kind"];
}

export interface Storm {
  readonly hits: readonly Hit[];
  readonly evidence: Evidence;
  readonly verdict: Verdict;
  /** What went wrong at the end: a process that is left, an exit code. */
  readonly wrong: readonly string[];
}

/** What waits longest: PostgreSQL's recovery, the broker's, and a supervisor's backoff of 15 s, one after the other. */
const RECOVERED_MS_MAX = 150_000;
const RESTARTED_MS_MAX = 60_000;

/**
 * Runs the whole product under load, kills its parts by the seed's plan, mends nothing, and reads what is left. The exchange
 * is a process apart, which is never hit.
 *
 * @throws Error naming the part that did not come back
 */
export async function runStorm(options: StormOptions): Promise<Storm> {
  const { seed, forMs, gustsMax = Infinity, rate, onGust } = options;
  const exchange = await Exchange.start(["--seed", String(seed), "--rate", String(rate)]);
  let stack: Stack | undefined;
  try {
    stack = await Stack.start("bootstrap", ["--exchange", exchange.base]);
    const begunMs = Date.now();
    await sleep(3_000);
    const hits: Hit[] = [];
    let gusts = 0;
    for (const gust of stormPlan(seed)) {
      if (Date.now() - begunMs > forMs || ++gusts > gustsMax) break;
      const own = await endure(stack, gust);
      hits.push(...own);
      onGust?.(gustLine(gust, own, begunMs));
    }
    const evidence = await gatherEvidence(stack, exchange, begunMs);
    const verdict = judge(evidence, hits);
    const wrong = await stack.stop();
    stack = undefined;
    return { hits, evidence, verdict, wrong };
  } finally {
    await stack?.stop();
    await exchange.stop();
  }
}

async function endure(stack: Stack, { kind, calmMs, blows }: Gust): Promise<Hit[]> {
  await sleep(calmMs);
  const killed = new Map<string, number>();
  const struck: { part: string; atMs: number }[] = [];
  for (const { part, afterMs } of blows) {
    await sleep(afterMs);
    await until(`${part} has a process to kill`, RESTARTED_MS_MAX, () => {
      const pid = stack.pid(part);
      return pid !== null && pid !== killed.get(part);
    }, { everyMs: 20, told: () => stack.output.slice(-3_000) });
    killed.set(part, stack.pid(part)!);
    struck.push({ part, atMs: stack.kill(part) });
  }
  await allRecovered(stack, killed, struck.at(-1)!.atMs, RECOVERED_MS_MAX);
  const recoveredAtMs = Date.now();
  return struck.map((hit) => ({ ...hit, kind, recoveredAtMs }));
}

function gustLine({ kind, blows }: Gust, hits: readonly Hit[], begunMs: number): string {
  const [{ atMs, recoveredAtMs }] = hits as [Hit];
  const parts = blows.map(({ part, afterMs }) =>
    afterMs === 0 ? part : `${part} +${(afterMs / 1000).toFixed(1)} s`
  );
  return `  ${seconds(atMs - begunMs)}  ${kind.padEnd(24)} ${parts.join(", ").padEnd(30)} ${
    seconds(recoveredAtMs - hits.at(-1)!.atMs)
  } after the last`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`.padStart(8);
}
