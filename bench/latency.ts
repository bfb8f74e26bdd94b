import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Stack } from "../tests/whole/stack.ts";
import { CpuMeter, percentTable, pidsOf, wantsHelp, withProduct } from "./product.ts";
import { quantile, SseClient } from "./sse_client.ts";

wantsHelp(
  `Frame sent by the exchange, and frame received by ingest, to the SSE event at a client of all markets.

  --rates LIST   messages a second (default 400,5000)
  --seconds N    measured at each rate, after 8 s to settle (default 30)
  --node         services on Node instead of Deno
  --floor        at each rate also a bare kafkajs and ioredis on the same servers, alone: see floor.ts

The load is the exchange's mix: a quarter seconds, all at once at each second's end, the rest tickers, evenly spread.`,
);

const { values } = parseArgs({
  options: {
    rates: { type: "string", default: "400,5000" },
    seconds: { type: "string", default: "30" },
    node: { type: "boolean", default: false },
    floor: { type: "boolean", default: false },
  },
});
const SETTLE_MS = 8_000;

/** Takes the load away from the product, which then idles, and gives it back. */
async function floor({ file }: Stack, base: string): Promise<void> {
  const flags = {
    ws: `${base.replace("http", "ws")}/websocket/v1`,
    kafka: file.kafka,
    redis: file.redis,
    markets: "KRW-C000",
    seconds: values.seconds,
  };
  const child = spawn(process.execPath, [
    fileURLToPath(new URL("./floor.ts", import.meta.url)),
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
  ], { stdio: "inherit" });
  await new Promise((resolve) => child.once("exit", resolve));
}

await withProduct({ node: values.node, load: ["--mix", "both"] }, async (stack, load) => {
  const client = new SseClient(1);
  await client.open(stack.file.page, "markets=all&events=ticker,candle");
  for (const rate of values.rates.split(",").map(Number)) {
    load.set({ rate, mix: "both" });
    await sleep(SETTLE_MS);
    client.restart();
    const cpu = new CpuMeter(new Map([...pidsOf(stack), ["client", [process.pid]]]));
    const before = { ...load.report };
    await sleep(Number(values.seconds) * 1000);
    const seconds = Number(values.seconds);
    console.log(`\n${Math.round((load.report.sent - before.sent) / seconds)} messages/s`);
    for (const kind of ["ticker", "candle"] as const) {
      const { sent, received } = client.ages[kind];
      const row = (name: string, ages: readonly number[]) =>
        `  ${kind.padEnd(7)} ${name.padEnd(20)} p50 ${quantile(ages, 0.5)} ms, p99 ${
          quantile(ages, 0.99)
        } ms, worst ${quantile(ages, 1)} ms (${ages.length} events)`;
      console.log(row("received → client", received));
      console.log(row("sent → client", sent));
    }
    console.log(
      `  CPU: ${percentTable(cpu.lap())}, load ${
        ((load.report.cpuMs - before.cpuMs) / seconds / 10).toFixed(0)
      } %`,
    );
    if (values.floor) await floor(stack, load.base);
  }
  client.close();
});
