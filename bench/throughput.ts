import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Mix } from "./load_frames.ts";
import { CpuMeter, metric, percentTable, pidsOf, wantsHelp, withProduct } from "./product.ts";
import { quantile, SseClient } from "./sse_client.ts";
import type { Stack } from "../tests/whole/stack.ts";

wantsHelp(
  `The highest steady rate: nothing dropped, and what waits between exchange and client does not grow.

  --to NAME      redis: tickers, which go to Redis and to SSE; postgres: seconds, each a row of its own, which go to
                 PostgreSQL, Redis and SSE (default both, one after the other)
  --rates LIST   tried in turn until one is not steady
  --seconds N    at each rate, the first third to settle (default 20)
  --node         services on Node instead of Deno`,
);

const { values } = parseArgs({
  options: {
    to: { type: "string", default: "redis,postgres" },
    rates: { type: "string", default: "2500,5000,7500,10000,12500,15000,20000,25000,30000" },
    seconds: { type: "string", default: "20" },
    node: { type: "boolean", default: false },
  },
});

/** What may wait between the exchange and the ends, s of the rate: a batch on its way is no lag. */
const WAITING_S_MAX = 1;

for (const to of values.to.split(",")) {
  const mix: Mix = to === "redis" ? "ticker" : "second";
  await withProduct({ node: values.node, load: ["--mix", mix] }, async (stack, load) => {
    console.log(`\nto ${to === "redis" ? "Redis and SSE" : "PostgreSQL, Redis and SSE"}:`);
    const client = new SseClient(64);
    await client.open(stack.file.page, "markets=all&events=ticker,candle");
    let steady = 0;
    for (const rate of values.rates.split(",").map(Number)) {
      load.set({ rate, mix });
      const settleMs = Number(values.seconds) * 1000 / 3;
      await sleep(settleMs);
      client.restart();
      const cpu = new CpuMeter(new Map([...pidsOf(stack), ["client", [process.pid]]]));
      const begun = { ...load.report, events: client.events, atMs: performance.now() };
      const waiting: number[] = [];
      for (let at = 0; at < 8; at++) {
        await sleep(settleMs / 4);
        waiting.push(await waitingRecords(stack));
      }
      // by the clock: with all cores full, asking the services for their metrics takes long
      const seconds = (performance.now() - begun.atMs) / 1000;
      const sent = (load.report.sent - begun.sent) / seconds;
      const arrived = (client.events - begun.events) / seconds;
      const held = load.report.held - begun.held;
      const [early, late] = [waiting.slice(0, 4), waiting.slice(4)].map((part) =>
        quantile(part, 0.5)
      );
      const ages = client.ages[mix === "ticker" ? "ticker" : "candle"].sent;
      const ok = held === 0 && sent >= rate * 0.98 && arrived >= sent * 0.98 &&
        late! <= Math.max(rate * WAITING_S_MAX, early! * 1.1);
      console.log(
        `  ${String(rate).padStart(6)}/s ${ok ? "steady    " : "not steady"} sent ${
          Math.round(sent)
        }/s, at the client ${Math.round(arrived)}/s, waiting ${early} → ${late} records, age p50 ${
          quantile(ages, 0.5)
        } ms p99 ${quantile(ages, 0.99)} ms${
          held > 0 ? `, not read ${held}` : ""
        }\n           CPU: ${percentTable(cpu.lap())}, load ${
          ((load.report.cpuMs - begun.cpuMs) / seconds / 10).toFixed(0)
        } %`,
      );
      if (!ok) break;
      steady = rate;
    }
    console.log(`  highest steady rate tried: ${steady}/s`);
    client.close();
  });
}

/** Records that ingest holds for Kafka, and that persist and stream have not taken yet. */
async function waitingRecords(stack: Stack): Promise<number> {
  const counts = await Promise.all([
    metric(stack, "ingest", "stofka_ingest_outbox_records"),
    metric(stack, "persist", "stofka_persist_lag_records"),
    metric(stack, "stream", "stofka_stream_lag_records"),
  ]);
  return counts.reduce((sum, count) => sum + count, 0);
}
