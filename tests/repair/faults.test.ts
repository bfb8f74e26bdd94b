import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pino } from "pino";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import { market } from "#core/market.ts";
import { topicName } from "#core/namespace.ts";
import { partitionOf } from "#core/partition.ts";
import { TOPICS } from "#core/topics.ts";
import { ExchangeProcess } from "../../services/ingest/testing/exchange_process.ts";
import { writeMark, writeReceived } from "../../sql/testing/history.ts";
import { until } from "../until.ts";
import { ledgerSeconds, storedSeconds } from "../whole/seconds.ts";
import { kafkaOf } from "../whole/topic.ts";
import { Gate } from "./gate.ts";
import { metric, Rig } from "./rig.ts";

/** Repair against an exchange that is limited, rubbish or gone, and against its own death. */

const MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP"].map(market);

let exchange: ExchangeProcess;
let gate: Gate;
let rig: Rig;

beforeEach(async () => {
  exchange = await ExchangeProcess.start("--markets", "5", "--rate", "0.3");
  [gate, rig] = await Promise.all([Gate.start(exchange.rest), Rig.start()]);
});

afterEach(async () => {
  await rig?.stop();
  gate?.stop();
  exchange?.stop();
});

const iso = (ms: number): string => new Date(ms).toISOString();

/** Stretches of a gap that begin before the moment: behind the last mark another one grows for as long as the test takes. */
async function gapsBefore(ms: number): Promise<number> {
  const [row] = await rig.sql`
    SELECT count(*)::int AS stretches FROM repair_missing(clock_timestamp(), ${MARKETS}::text[])
    WHERE kind = 'gap' AND since < ${iso(ms)}::text::timestamptz`;
  return row!["stretches"] as number;
}

/** Two sessions with 20 s between them, and the seconds they saw. */
async function seeWithGap(): Promise<
  { readonly sinceMs: number; readonly brokeMs: number; readonly againMs: number }
> {
  const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
  const [sinceMs, brokeMs, againMs] = [nowMs - 240_000, nowMs - 120_000, nowMs - 100_000];
  const truth = await ledgerSeconds(exchange.control, MARKETS, sinceMs, nowMs - 5_000);
  for (const day of new Set([iso(sinceMs).slice(0, 10), iso(nowMs).slice(0, 10)])) {
    await rig.sql`SELECT ensure_seconds_day(${day}::text::date)`;
  }
  for (const row of truth.values()) {
    if (row.startsAtMs >= brokeMs && row.startsAtMs < againMs) continue;
    await writeReceived(rig.sql, row);
  }
  const mark = (session: string, since: number, until: number, ended: boolean) =>
    writeMark(rig.sql, { session, markets: MARKETS, since: iso(since), until: iso(until), ended });
  await mark("first", sinceMs, brokeMs, true);
  await mark("second", againMs, nowMs, false);
  return { sinceMs, brokeMs, againMs };
}

describe("a gap of 20 s", () => {
  test("is filled: the table equals the exchange's ledger, and no gap is left", async () => {
    const { sinceMs, brokeMs, againMs } = await seeWithGap();
    const truth = await ledgerSeconds(exchange.control, MARKETS, sinceMs, againMs);
    const lost = [...truth.values()].filter((row) => row.startsAtMs >= brokeMs);
    expect(lost.length).toBeGreaterThan(0);
    expect(await gapsBefore(againMs)).toBeGreaterThan(0);

    rig.persist();
    const repair = rig.repair({ restUrl: gate.rest, markets: MARKETS });
    await until("no gap is left", 30_000, async () => await gapsBefore(againMs) === 0, {
      everyMs: 250,
      told: () => JSON.stringify(repair.lines.slice(-5)),
    });
    await repair.stop();

    const stored = await storedSeconds(rig.sql, sinceMs, againMs);
    expect([...stored.keys()].sort()).toEqual([...truth.keys()].sort());
    for (const [key, { turnover, ...row }] of truth) {
      expect(stored.get(key)).toMatchObject(row);
      // the exchange's REST states turnover as a float64
      const own = stored.get(key)!;
      if (own.origin === "websocket") expect(own.turnover).toBe(turnover);
      else expect(Number(own.turnover)).toBe(Number(turnover));
    }
    for (const { market, startsAtMs } of lost) {
      expect(stored.get(`${market} ${startsAtMs}`)?.origin).toBe("rest");
    }
    const put = rig.put.flatMap(({ seconds }) => seconds.map(({ event }) => event));
    expect(new Set(put.map(({ market, startsAtMs }) => `${market} ${startsAtMs}`)))
      .toEqual(expect.objectContaining({ size: expect.any(Number) }));
    expect(
      lost.every((row) =>
        put.some((event) => event.market === row.market && event.startsAtMs === row.startsAtMs)
      ),
    ).toBe(true);
    // most urgent first: gaps before the screens of years
    expect(gate.requests.slice(0, 3).every(({ path }) => path.includes("/seconds"))).toBe(true);
  });

  test(
    "is asked for by who comes after a death in the middle, and only what is missing",
    async () => {
      const { againMs } = await seeWithGap();
      rig.persist();
      const first = rig.repair({ restUrl: gate.rest, markets: MARKETS });
      await until("it has begun", 20_000, () => gate.requests.length >= 2);
      await first.stop(); // all it knew is gone
      const answered = await metric(first.registry, "stofka_repair_answers_total", { kind: "gap" });
      await until("what it published is stored", 20_000, async () => {
        const [row] = await rig.sql`SELECT count(*)::int AS answers FROM coverage_answer`;
        return (row!["answers"] as number) >= answered;
      });
      rig.repair({ restUrl: gate.rest, markets: MARKETS });
      await until("no gap is left", 30_000, async () => await gapsBefore(againMs) === 0, {
        everyMs: 250,
      });
    },
  );
});

describe("limits", () => {
  test("five a second are five, however much is missing; a 429 and a 418 are obeyed", async () => {
    rig.persist();
    rig.repair({ restUrl: gate.rest, markets: MARKETS, budget: 5 });
    await until("twenty requests", 20_000, () => gate.requests.length >= 20, { everyMs: 20 });
    // two more, should some be held up on their way and come together
    expect(gate.busiest(3_000)).toBeLessThanOrEqual(17);

    gate.instead = () => ({ status: 429, body: `{"error":{"name":"too_many_requests"}}` });
    const count = gate.requests.length;
    await until("it was told thrice", 15_000, () => gate.requests.length >= count + 3);
    gate.instead = () => ({
      status: 418,
      body:
        `{"error":{"name":"blocked","message":"Too many API requests. Blocked for 3 seconds."}}`,
    });
    await until(
      "it is blocked",
      20_000,
      () => gate.requests.at(-1)!.path !== "" && gate.requests.length >= count + 4,
    );
    gate.instead = () => null;
    const blockedAt = gate.requests.length;
    await until("it asks again", 20_000, () => gate.requests.length > blockedAt, { everyMs: 20 });
    const [blocked, again] = gate.requests.slice(blockedAt - 1);
    expect(again!.atMs - blocked!.atMs).toBeGreaterThan(3_000);
    const told = gate.requests.slice(count, count + 4).map(({ atMs }) => atMs);
    const pauses = told.slice(1).map((at, index) => at - told[index]!);
    // requests that were on their way together are told together
    expect(Math.max(...pauses)).toBeGreaterThan(900);
  });
});

describe("rubbish", () => {
  test(
    "from the exchange is not published, is asked for ever more seldom, and the rest goes on",
    async () => {
      await seeWithGap();
      rig.persist();
      gate.instead = (path) =>
        path.includes("KRW-ETH")
          ? { status: 200, body: `[{"market":"KRW-ETH","opening_price":"garbage"}]` }
          : path.includes("KRW-XRP")
          ? { status: 404, body: `{"error":{"name":404,"message":"Code not found"}}` }
          : null;
      const repair = rig.repair({ restUrl: gate.rest, markets: MARKETS });
      const requested = (name: string): number =>
        gate.requests.filter(({ path }) => path.includes(name)).length;
      const stretches = async (name: string): Promise<number> => {
        const [row] = await rig.sql`
        SELECT count(*)::int AS stretches FROM repair_missing(clock_timestamp(), ${MARKETS}::text[])
        WHERE market = ${name} AND interval <> '1s'`;
        return row!["stretches"] as number;
      };
      await until(
        "the first market is filled",
        40_000,
        async () => await stretches("KRW-BTC") === 0,
        {
          everyMs: 250,
          told: () => JSON.stringify(repair.lines.slice(-5)),
        },
      );
      const kinds = await stretches("KRW-ETH");
      expect(kinds).toBeGreaterThan(5);
      // each stretch of the unreadable market once, and the unknown market only before it was known to be
      await until("each was asked", 20_000, () => requested("KRW-ETH") >= kinds);
      expect(requested("KRW-ETH")).toBeLessThan(2 * (kinds + 4));
      expect(requested("KRW-XRP")).toBeLessThanOrEqual(4);
      expect(
        await metric(repair.registry, "stofka_repair_requests_total", { result: "unreadable" }),
      )
        .toBeGreaterThan(0);
      const [stored] = await rig
        .sql`SELECT count(*)::int AS rows FROM exchange_candle WHERE market <> 'KRW-BTC'`;
      expect(stored!["rows"]).toBe(0);
    },
    180_000,
  );

  test(
    "in the topic goes to the dead letter with the reason, and what is behind it is stored",
    async () => {
      const producer = new KafkaProducer(rig.kafka, pino({ level: "silent" }));
      const name = MARKETS[0]!;
      const send = (value: string, key: string = name) =>
        producer.send([{
          topic: topicName(rig.namespace, TOPICS.exchangeCandle),
          partition: partitionOf(name),
          key,
          value,
          headers: {},
        }], AbortSignal.timeout(20_000));
      const hour = Date.UTC(2026, 10, 1);
      const good = (at: number): string =>
        `{"market":"${name}","interval":"1h","since_ms":${at},"until_ms":${
          at + 3_600_000
        },"fetched_at_ms":${at + 7_200_000},"rows":[{"market":"${name}","candle_date_time_utc":"${
          iso(at).slice(0, 19)
        }","opening_price":2.0,"high_price":3.0,"low_price":1.0,"trade_price":2.5,"timestamp":${
          at + 5
        },"candle_acc_trade_price":5.00000000,"candle_acc_trade_volume":2.0}]}`;
      rig.persist();
      try {
        await send(good(hour));
        await send("no json");
        await send(good(hour), "KRW-ETH");
        await send(good(hour).replace('"high_price":3.0', '"high_price":0.1'));
        await send(good(hour).replace(/"fetched_at_ms":\d+/, '"fetched_at_ms":9999999999999'));
        await send(good(hour + 3_600_000));
      } finally {
        await producer.close();
      }
      await until("the one behind is stored", 30_000, async () => {
        const [row] = await rig.sql`SELECT count(*)::int AS rows FROM exchange_candle`;
        return row!["rows"] === 2;
      });
      const [row] = await rig.sql`
      SELECT count(*)::int AS answers, (SELECT count(*)::int FROM candle_dirty WHERE interval = '1h') AS dirty
      FROM coverage_answer WHERE interval = '1h'`;
      expect(row).toEqual({ answers: 2, dirty: 2 });
      const admin = kafkaOf(rig.kafka.brokers[0]!).admin();
      await admin.connect();
      // stored first, then the dead letters
      await until("four dead letters are sent", 20_000, async () => {
        const offsets = await admin.fetchTopicOffsets(topicName(rig.namespace, TOPICS.deadLetter));
        return offsets.every(({ high }) => high === "4");
      });
      await admin.disconnect();
    },
  );
});
