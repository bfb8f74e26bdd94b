import { afterAll, beforeAll, expect, test } from "vitest";
import { type CandleEvent, decodeCandleEvent } from "#core/event/candle_event.ts";
import { market } from "#core/market.ts";
import { topicName } from "#core/namespace.ts";
import { candleRevision, newer } from "#core/revision.ts";
import { TOPICS } from "#core/topics.ts";
import { ExchangeProcess } from "../../services/ingest/testing/exchange_process.ts";
import { writeMark } from "../../sql/testing/history.ts";
import { testServers } from "../servers.ts";
import { until } from "../until.ts";
import { keyOf, ledgerSeconds, type Second, storedSeconds } from "../whole/seconds.ts";
import { wholeTopic } from "../whole/topic.ts";
import { Rig } from "./rig.ts";

/**
 * What the socket brought is falsified in every way; the ledger finds each falsification and nothing else, and after two equal
 * answers of the exchange the table equals its book again.
 */

const MARKETS = ["KRW-BTC", "KRW-ETH", "KRW-XRP"].map(market);
const EACH = 4;

let exchange: ExchangeProcess;
let rig: Rig;

beforeAll(async () => {
  exchange = await ExchangeProcess.start("--markets", "5", "--rate", "0.5");
  rig = await Rig.start();
});
afterAll(async () => {
  await rig?.stop();
  exchange?.stop();
});

const iso = (ms: number): string => new Date(ms).toISOString();

async function store(rows: readonly Second[]): Promise<void> {
  await rig.sql`
    INSERT INTO market_candle_1s (starts_at, last_tick_at, received_at, correction_ms, origin, revisions, deleted, market,
      open, high, low, close, volume, turnover)
    SELECT starts_at, last_tick_at, starts_at, 0, 'websocket', 0, false, market, open, high, low, close, volume, turnover
    FROM unnest(${rows.map(({ startsAtMs }) => iso(startsAtMs))}::timestamptz[],
      ${rows.map(({ lastTickAtMs }) => iso(lastTickAtMs))}::timestamptz[],
      ${rows.map(({ market }) => market)}::text[], ${rows.map(({ open }) => open)}::numeric[],
      ${rows.map(({ high }) => high)}::numeric[], ${rows.map(({ low }) => low)}::numeric[],
      ${rows.map(({ close }) => close)}::numeric[], ${rows.map(({ volume }) => volume)}::numeric[],
      ${rows.map(({ turnover }) => turnover)}::numeric[])
      AS t(starts_at, last_tick_at, market, open, high, low, close, volume, turnover)`;
  await rig.sql`INSERT INTO candle_dirty (interval, market, starts_at)
    SELECT DISTINCT '1m', market, date_trunc('minute', starts_at) FROM market_candle_1s`;
}

test(
  "each injected difference is found, and no other; all are corrected with a reason, the history kept",
  async () => {
    const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
    const [sinceMs, untilMs] = [nowMs - 300_000, nowMs - 15_000];
    for (const at of [sinceMs, nowMs]) {
      await rig.sql`SELECT ensure_seconds_day(${iso(at)}::text::timestamptz::date)`;
    }
    const book = await ledgerSeconds(exchange.control, MARKETS, sinceMs, untilMs);
    // within what the session counts: 5 s less at each end
    const inside = [...book.values()].filter(({ startsAtMs }) =>
      startsAtMs >= sinceMs + 10_000 && startsAtMs < untilMs - 70_000
    );
    expect(inside.length).toBeGreaterThan(100);
    // spread over markets and time
    const picked = Array.from(
      { length: 5 * EACH },
      (_, index) => inside[Math.floor((index * inside.length) / (5 * EACH))]!,
    );
    const kind = new Map(picked.map((second, index) => [keyOf(second), index % 5]));
    const ours: Second[] = [];
    for (const second of book.values()) {
      const { high, volume, turnover } = second;
      switch (kind.get(keyOf(second))) {
        case 0:
          ours.push({ ...second, high: `${Number(high) * 2}` });
          break;
        case 1:
          ours.push({ ...second, volume: `${Number(volume) + 1}` });
          break;
        case 2:
          break; // dropped
        case 3:
          ours.push({ ...second, turnover: `${Math.floor(Number(turnover)) + 7}` });
          break;
        case 4:
          // digits that the exchange's float64 cannot hold: no difference
          ours.push({
            ...second,
            turnover: `${turnover}${turnover.includes(".") ? "" : "."}0000000001`,
          });
          break;
        default:
          ours.push(second);
      }
    }
    const invented: Second[] = [];
    for (let at = sinceMs + 20_000; invented.length < EACH && at < untilMs - 70_000; at += 2_000) {
      const name = MARKETS[invented.length % MARKETS.length]!;
      if (!book.has(`${name} ${at}`)) {
        invented.push({ ...inside[0]!, market: name, startsAtMs: at, lastTickAtMs: at + 5 });
      }
    }
    expect(invented).toHaveLength(EACH);
    await store([...ours, ...invented]);
    await writeMark(rig.sql, {
      session: "falsified",
      markets: MARKETS,
      since: iso(sinceMs),
      until: iso(untilMs),
      ended: true,
    });
    // and one that the exchange itself amends after we received it; nobody listens when it is sent again
    const answer = await fetch(`${exchange.control}/fault`, {
      method: "POST",
      body: JSON.stringify({ kind: "correction", market: "KRW-BTC", lower: "volume" }),
    });
    const amended = await answer.json() as Record<string, unknown>;
    const amendedAt = Number(
      (amended["fault"] as Record<string, unknown> | undefined)?.["starts_at_ms"] ??
        amended["starts_at_ms"],
    );
    expect(Number.isSafeInteger(amendedAt), JSON.stringify(amended)).toBe(true);
    const injected = new Map<string, string>([
      ...picked.filter((second) => kind.get(keyOf(second)) !== 4).map((second) =>
        [keyOf(second), kind.get(keyOf(second)) === 2 ? "missing_here" : "differ"] as const
      ),
      ...invented.map((second) => [keyOf(second), "missing_there"] as const),
      // else it is none of what we saw
      ...amendedAt < untilMs - 5_000 ? [[`KRW-BTC ${amendedAt}`, "differ"] as const] : [],
    ]);

    await rig.drain();
    await rig.sql`INSERT INTO exchange_wish (market, interval, since, until, reason)
      SELECT m, '1m', date_trunc('minute', ${iso(sinceMs + 65_000)}::text::timestamptz),
        date_trunc('minute', ${
      iso(untilMs - 5_000)
    }::text::timestamptz), 'parity' FROM unnest(${MARKETS}::text[]) m`;
    rig.persist();
    const repair = rig.repair({ restUrl: exchange.rest, markets: MARKETS });
    const read = async () =>
      (await rig
        .sql`SELECT market, (extract(epoch FROM starts_at) * 1000)::float8 AS at, interval, verdict::text, state::text,
        reason, jsonb_array_length(history) AS asked FROM parity_difference`).map((row) => ({
        key: `${row["market"]} ${row["at"]}`,
        interval: row["interval"] as string,
        verdict: row["verdict"] as string,
        state: row["state"] as string,
        reason: row["reason"] as string,
        asked: row["asked"] as number,
      }));
    await until("every difference is settled", 170_000, async () => {
      await rig.drain();
      const rows = await read();
      const seconds = rows.filter(({ interval }) => interval === "1s");
      return seconds.length >= injected.size && rows.some(({ interval }) => interval === "1m") &&
        rows.every(({ state }) => state === "corrected" || state === "agreed");
    }, { everyMs: 1_000, told: () => JSON.stringify(repair.lines.slice(-5)) });

    const rows = await read();
    const seconds = rows.filter(({ interval }) => interval === "1s");
    expect(new Map(seconds.map(({ key, verdict }) => [key, verdict]))).toEqual(injected);
    for (const { state, reason, asked } of seconds) {
      expect(state).toBe("corrected");
      expect(reason).toContain("two equal answers of the exchange");
      expect(asked).toBe(2);
    }
    // the minutes around them differed, and agree since they were folded from corrected seconds
    expect(rows.filter(({ interval }) => interval === "1m").map(({ state }) => state))
      .not.toContain("corrected");

    const truth = await ledgerSeconds(exchange.control, MARKETS, sinceMs, untilMs);
    const stored = await storedSeconds(rig.sql, sinceMs, untilMs);
    expect([...stored.keys()].sort()).toEqual([...truth.keys()].sort());
    for (const [key, { turnover, ...row }] of truth) {
      expect(stored.get(key)).toMatchObject(row);
      expect(Number(stored.get(key)!.turnover), key).toBe(Number(turnover));
      // the exchange's REST rounds it; what was not corrected keeps the exact one
      if (stored.get(key)!.origin === "websocket" && kind.get(key) !== 4) {
        expect(stored.get(key)!.turnover).toBe(turnover);
      }
    }
    // an open page learns of each from the topic that stream reads, and of what was taken back
    const told = new Map<string, CandleEvent>();
    await wholeTopic(
      testServers().kafka,
      topicName(rig.namespace, TOPICS.postgresCandle),
      ({ value }) => {
        const event = decodeCandleEvent(String(value));
        told.set(keyOf(event), event);
      },
    );
    for (const [key, verdict] of injected) {
      const { deleted = false, origin, revision, ...event } = told.get(key)!;
      expect(deleted, key).toBe(verdict === "missing_there");
      expect(origin).toBe("rest");
      expect(newer(revision, candleRevision(0, event.lastTickAtMs, event.volume))).toBe(true);
      if (!deleted) expect(event.volume).toBe(stored.get(key)!.volume);
    }
    // the others are what repair filled in before
    expect([...told].filter(([key, { deleted }]) => deleted === true && !injected.has(key)))
      .toEqual([]);
    const [count] = await rig.sql`SELECT matched::int, rounded::int, differing::int
      FROM (SELECT sum(matched) AS matched, sum(rounded) AS rounded, sum(differing) AS differing
        FROM parity_counts('-infinity', 'infinity') WHERE interval = '1s') c`;
    expect(count!["differing"]).toBe(injected.size);
    expect(count!["rounded"]).toBe(EACH);
  },
  400_000,
);
