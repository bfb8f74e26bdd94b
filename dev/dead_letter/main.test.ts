import { spawn } from "node:child_process";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import { consumeAll } from "#adapters/kafka/consumer.ts";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import { createLog } from "#adapters/log.ts";
import { topicName } from "#core/namespace.ts";
import { TOPIC_PLANS, TOPICS } from "#core/topics.ts";
import { readBatch } from "../../services/persist/read_batch.ts";
import { deadLetter } from "../../services/persist/dead_letter.ts";
import { ALL_TIME, batch, secondRecord } from "../../services/persist/testing/records.ts";
import { freshNamespace, testServers } from "../../tests/servers.ts";

/** The command as an operator runs it, on a real broker. */

const { kafka } = testServers();
const namespace = freshNamespace();
const source = topicName(namespace, TOPICS.secondCandle);
const never = new AbortController().signal;
const settings = { brokers: [kafka], clientId: "test" };
const log = createLog("test", "error");
const admin = new KafkaAdmin(settings, log);
const producer = new KafkaProducer(settings, log);

const doubtful = { ...secondRecord({ turnover: "1.0" }), topic: source };
const impossible = { ...secondRecord({ market: "KRW-ETH", volume: "-1" }), topic: source };

async function run(...args: readonly string[]) {
  const main = new URL("main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [
    main,
    ...args,
    "--kafka",
    kafka,
    "--namespace",
    namespace,
  ]);
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => out += text);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, out };
}

/** What persist would do with the records. */
async function refuse(records: readonly (typeof doubtful)[]): Promise<number> {
  const { refusals, seconds } = readBatch("second", batch(records), ALL_TIME);
  await producer.send(refusals.map((refusal) => deadLetter(namespace, refusal)), never);
  return seconds.length;
}

/** The two records that were sent to the topic, as persist gets them. */
async function secondsIn(topic: string): Promise<(typeof doubtful)[]> {
  const found: (typeof doubtful)[] = [];
  const stop = new AbortController();
  await consumeAll({
    settings,
    log,
    groupPrefix: "test",
    positions: () => new Map([[topic, new Map([[3, 0n]])]]),
    handle: ({ records }) => {
      for (const { key, value, headers } of records) {
        found.push({ ...doubtful, key, value, headers });
      }
      if (found.length >= 2) stop.abort();
      return Promise.resolve();
    },
  }, AbortSignal.any([stop.signal, AbortSignal.timeout(20_000)]));
  return found;
}

beforeAll(async () => {
  await admin.connect();
  await admin.ensureTopics(namespace, TOPIC_PLANS);
});

afterAll(async () => {
  await producer.close();
  await admin.deleteTopics(namespace, TOPIC_PLANS);
  await admin.close();
});

describe("npm run dead-letter", () => {
  test("an empty dead letter is told as such", async () => {
    expect(await run("list")).toEqual({ code: 0, out: "nothing: no record was refused\n" });
  });

  test("list and show tell what was refused, why and where it lay", async () => {
    expect(await refuse([doubtful, impossible])).toBe(0);
    const { code, out } = await run("list");
    expect(code).toBe(0);
    expect(out.split("\n")).toHaveLength(4);
    expect(out).toMatch(/^0 .*KRW-BTC {2}turnover_doubtful .*market_candle_1s\/3@\d+/m);
    expect((await run("list", "--reason", "candle_absurd")).out.split("\n")).toHaveLength(3);
    expect(
      (await run("list", "--since", "1m", "--json")).out.trim().split("\n").map((line) =>
        JSON.parse(line).market
      ),
    ).toEqual(["KRW-BTC", "KRW-ETH"]);
    expect((await run("list", "--since", "2999-01-01")).out).toBe(
      "nothing: no record was refused\n",
    );
    const shown = await run("show", "1");
    expect(shown.out).toMatch(/KRW-ETH volume -1 is negative/);
    expect(shown.out).toContain(impossible.value!.toString());
  });

  test("replay sends each to its topic once; what comes back is marked and stays", async () => {
    expect(await run("replay", "--all")).toEqual({ code: 0, out: "2 sent again, 0 kept\n" });
    const again = await secondsIn(source);
    expect(again.map(({ value }) => value!.toString()).sort())
      .toEqual([doubtful, impossible].map(({ value }) => value!.toString()).sort());
    // an operator's word is taken for what is doubtful, never for what is impossible
    expect(await refuse(again)).toBe(1);
    expect((await run("list")).out).toMatch(/^2 .*KRW-ETH {2}candle_absurd \(again\)/m);
    const { code, out } = await run("replay", "2");
    expect([code, out]).toEqual([1, expect.stringMatching(/came back.*\n0 sent again, 1 kept/)]);
    // nor does --reason send it for ever
    expect((await run("replay", "--reason", "unheard_of")).out).toBe("0 sent again, 0 kept\n");
  });

  test.each([
    [["replay"], "name the ids"],
    [["replay", "99"], "no dead letter has the id 99"],
    [["show", "x"], "name an id"],
    [["lost"], "is not a command"],
    [["list", "--since", "soon"], "--since"],
    [["list", "--wrong"], "--help"],
  ])("%j is refused with a remedy", async (args, remedy) => {
    const { code, out } = await run(...args);
    expect(code).toBe(2);
    expect(out).toContain(remedy);
  });
});
