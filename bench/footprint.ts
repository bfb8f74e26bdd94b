import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Stack } from "../tests/whole/stack.ts";
import { CpuMeter, machine, metric, pidsOf, residentMb, wantsHelp } from "./product.ts";
import { SseClient } from "./sse_client.ts";

wantsHelp(
  `CPU and memory of each process at the exchange's real load: 289 KRW markets of the simulated exchange, traded as on a
usual day, with one SSE client of all markets.

  --seconds N    measured, after 20 s to settle (default 60)
  --rest-budget N
                 requests a second of repair, which fills history during the first half hour (default as in the product)
  --node         services on Node instead of Deno`,
);

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    "rest-budget": { type: "string" },
    node: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);

const stack = await Stack.start(values.node ? "node" : "bootstrap", [
  "--exchange",
  "simulator",
  ...values["rest-budget"] === undefined ? [] : ["--rest-budget", values["rest-budget"]],
]);
try {
  console.log(`${machine()}; services on ${values.node ? "Node" : "Deno"}`);
  const client = new SseClient(1_000);
  await client.open(stack.file.page, "markets=all");
  await sleep(20_000);
  const cpu = new CpuMeter(pidsOf(stack));
  const frames = () => metric(stack, "ingest", "stofka_ingest_frames_total");
  const before = await frames();
  await sleep(seconds * 1000);
  console.log(`${Math.round((await frames() - before) / seconds)} messages/s from the exchange`);
  for (const [name, share] of cpu.lap()) {
    const pid = stack.pid(name)!;
    console.log(
      `  ${name.padEnd(9)} ${share.toFixed(1).padStart(5)} % of a core  ${
        String(residentMb(pid)).padStart(4)
      } MB resident`,
    );
  }
  client.close();
} finally {
  for (const wrong of await stack.stop()) console.log(`! ${wrong}`);
}
