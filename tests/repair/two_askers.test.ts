import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { market } from "#core/market.ts";
import { ExchangeProcess } from "../../services/ingest/testing/exchange_process.ts";
import { testServers } from "../servers.ts";
import { tied } from "../tied.ts";
import { until } from "../until.ts";
import { Gate } from "./gate.ts";
import { Rig } from "./rig.ts";

/** Two ingests as processes, each with its own door to the exchange: who asks is seen at the doors. */

const MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP"].map(market);

let exchange: ExchangeProcess;
let rig: Rig;
const gates: Gate[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  exchange = await ExchangeProcess.start("--markets", "5", "--rate", "0.3");
  rig = await Rig.start();
  for (let at = 0; at < 2; at++) gates.push(await Gate.start(exchange.rest));
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  for (const gate of gates) gate.stop();
  await rig?.stop();
  exchange?.stop();
});

function ingest(gate: Gate): ChildProcess {
  const main = new URL("../../services/ingest/main.ts", import.meta.url).pathname;
  const child = tied(spawn(process.execPath, [main], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      NAMESPACE: rig.namespace,
      KAFKA_BROKERS: testServers().kafka,
      EXCHANGE_KIND: "simulator",
      EXCHANGE_WS_URL: exchange.ws,
      EXCHANGE_REST_URL: gate.rest,
      POSTGRES_URL: rig.postgresUrl("stofka_repair"),
      MARKETS: MARKETS.join(","),
      REST_BUDGET: "4",
    },
  }));
  children.push(child);
  return child;
}

async function missing(): Promise<number> {
  const [row] = await rig.sql`
    SELECT count(*)::int AS stretches FROM repair_missing(clock_timestamp(), ${MARKETS}::text[]) WHERE interval <> '1s'`;
  return row!["stretches"] as number;
}

test(
  "one asks; killed in the middle of its fill, the other goes on with what is missing",
  async () => {
    rig.persist();
    const pair = gates.map(ingest);
    const asked = (at: number): number => gates[at]!.requests.length;
    await until("somebody asks", 40_000, () => asked(0) + asked(1) >= 8);
    const holder = asked(0) > 0 ? 0 : 1;
    const other = 1 - holder;
    expect(asked(other)).toBe(0);
    expect(await missing()).toBeGreaterThan(10);

    pair[holder]!.kill("SIGKILL");
    const until_ = asked(holder);
    await until("the other asks", 20_000, () => asked(other) >= 3);
    await until("all is filled", 60_000, async () => await missing() === 0, { everyMs: 500 });
    // what the first had brought was not asked for again, but for what died on its way
    expect(asked(holder)).toBeLessThanOrEqual(until_ + 4);
    const first = new Set(gates[holder]!.requests.slice(0, -8).map(({ path }) => path));
    const again = gates[other]!.requests.filter(({ path }) => first.has(path));
    expect(again.length).toBeLessThanOrEqual(4);
  },
  300_000,
);
