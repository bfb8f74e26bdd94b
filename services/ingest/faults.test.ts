import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import { sleep } from "#core/lifecycle.ts";
import type { Namespace } from "#core/namespace.ts";
import { ExchangeProcess } from "./testing/exchange_process.ts";
import { LiveIngest, marksOf } from "./testing/live_ingest.ts";

/** Ingest against the exchange simulator, through each of its faults in turn, on one exchange and by one ingest. */

const never = new AbortController().signal;
const records: ProducerRecord[] = [];
let exchange: ExchangeProcess;
let ingest: LiveIngest;
/** The exchange's list as ingest sees it. */
let rest: Server;
let editList = (markets: string[]): string[] => markets;

beforeAll(async () => {
  exchange = await ExchangeProcess.start("--markets", "6", "--rate", "30", "--seed", "7");
  rest = createServer(async (_request, response) => {
    const answer = await fetch(`${exchange.rest}/market/all`);
    const rows = await answer.json().catch(() => []) as { market: string }[];
    const row = (market: string) =>
      rows.find((one) => one.market === market) ??
        { market, korean_name: "무", english_name: "None" };
    response.writeHead(answer.status).end(
      JSON.stringify(editList(rows.map(({ market }) => market)).map(row)),
    );
  });
  await new Promise<void>((resolve) => rest.listen(0, "127.0.0.1", resolve));
  ingest = new LiveIngest({
    wsUrl: exchange.ws,
    restUrl: `http://127.0.0.1:${(rest.address() as AddressInfo).port}`,
    namespace: "" as Namespace,
    sender: {
      send: (batch) => {
        records.push(...batch);
        return Promise.resolve();
      },
    },
    // longer than a busy machine holds up the exchange
    link: { pingEveryMs: 200, silenceMsMax: 4_000, handshakeMsMax: 4_000 },
  });
  await ingest.until("the first session", () => ingest.covered.length === 6);
});

afterAll(async () => {
  await ingest?.stop();
  exchange?.stop();
  rest?.close();
});

const elements = (): number =>
  records.filter(({ topic, key }) => key !== null && topic !== "market_listing").length;

const faults = [
  { kind: "drop", for_ms: 800, share: 0.5 },
  { kind: "silence", for_ms: 1_500 },
  { kind: "duplicate", for_ms: 800, share: 0.5, by_ms: 50 },
  { kind: "delay", for_ms: 800, share: 0.5, by_ms: 300 },
  { kind: "reorder", for_ms: 800, by_ms: 300 },
  { kind: "garble", for_ms: 1_500, share: 0.2 },
  { kind: "garble", for_ms: 800, share: 0.5, form: "truncated" },
  { kind: "error_frame" },
  { kind: "idle_close", for_ms: 1_500, by_ms: 100 },
  { kind: "half_open", for_ms: 2_000 },
  { kind: "refuse", for_ms: 1_500 },
  { kind: "maintenance", for_ms: 1_500 },
];

describe("ingest against the exchange simulator", () => {
  test.each(faults)("comes back after %j", async (fault) => {
    await exchange.fault(fault);
    await sleep(fault.for_ms ?? 300, never);
    const before = elements();
    await ingest.until(
      "a session and its frames",
      () => ingest.collector.complaints().length === 0 && elements() > before + 5,
    );
  });

  test("told each end of the link and of a session with its cause", () => {
    const causes = new Set(ingest.events("link_down").map(({ cause }) => cause));
    expect([...causes]).toEqual(expect.arrayContaining(["rejected", "silent", "closed"]));
    const ended = marksOf(records).filter(({ session }) => session?.ended);
    expect(ended.length).toBe(12 * ingest.events("session_end").length);
    expect(records.some(({ topic }) => topic === "market_dead_letter")).toBe(true);
  });

  test("claims nothing twice: sessions follow each other, and marks of a partition go forward", () => {
    const sessions = new Map<string, { sinceMs: number; untilMs: number }>();
    let writtenAtMs = 0;
    for (const { writtenAtMs: at, session } of marksOf(records)) {
      expect(at).toBeGreaterThanOrEqual(writtenAtMs);
      writtenAtMs = at;
      if (session !== null) sessions.set(session.id, session);
    }
    const sorted = [...sessions.values()].sort((a, b) => a.sinceMs - b.sinceMs);
    // faults that a busy machine lets overlap end one session together
    expect(sorted.length).toBeGreaterThan(2);
    for (const [index, { sinceMs }] of sorted.slice(1).entries()) {
      expect(sinceMs).toBeGreaterThanOrEqual(sorted[index]!.untilMs);
    }
  });

  test("connected at most twice in 1 s, whatever went wrong", async () => {
    expect((await exchange.connectTimesMs()).length).toBeGreaterThan(4);
    const times = ingest.dialedAtMs;
    expect(times.length).toBeGreaterThan(4);
    const closest = Math.min(...times.slice(2).map((atMs, index) => atMs - times[index]!));
    expect(closest).toBeGreaterThan(1_000);
  });

  test("names a market that the exchange lists but ignores, and does not cover it", async () => {
    editList = (markets) => [...markets, "KRW-NOPE"];
    await ingest.until(
      "the session without it",
      () => ingest.gauges.marketsAsked() === 7 && ingest.covered.length === 6,
    );
    expect(ingest.covered).not.toContain("KRW-NOPE");
    expect(ingest.events("markets_ignored").at(-1)).toMatchObject({
      count: 1,
      markets: ["KRW-NOPE"],
    });
  });

  test("follows a delisting and a listing while it runs", async () => {
    const listed = [...ingest.covered].sort();
    const gone = listed[0]!;
    editList = (markets) => markets.filter((market) => market !== gone);
    await ingest.until("the session without it", () => ingest.covered.length === 5, 20_000);
    expect(ingest.covered).not.toContain(gone);
    const entries = () =>
      records.filter(({ topic, key }) => topic === "market_listing" && key === gone);
    expect(entries().at(-1)!.value).toBeNull();
    editList = (markets) => markets;
    await ingest.until("the session with it", () => ingest.covered.length === 6, 20_000);
    expect([...ingest.covered].sort()).toEqual(listed);
    expect(entries().at(-1)!.value).not.toBeNull();
    // a changed list is no reason to connect anew
    expect(ingest.events("session_end").filter(({ cause }) => cause === "markets_changed"))
      .toHaveLength(3);
  });
});
