import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bucketStartMs, type Unit } from "./calendar.ts";
import { restCandle } from "./candle_fields.ts";
import { Clock } from "./clock.ts";
import { restText } from "./element.ts";
import { type Exchange, startExchange } from "./exchange.ts";
import { readCassette } from "./recorded_answer.ts";
import { SimulatedBook } from "./simulated_book.ts";

/** REST answers of the real exchange, with their headers, against the simulator's. */

const folder = join(
  process.env["STOFKA_DATA"] ?? join(import.meta.dirname, "../../../shared/data"),
  "upbeat",
);
const here = existsSync(folder);
if (!here) console.log(`recorded REST answers not compared: ${folder} is absent (set STOFKA_DATA)`);
const recorded = (name: string) => readCassette(readFileSync(join(folder, `${name}.yaml`), "utf8"));

let exchange: Exchange;
beforeAll(async () => {
  exchange = await startExchange({
    book: new SimulatedBook({ seed: 42, markets: { KRW: 120 }, rate: 1, lateShare: 0.01 }),
    clock: new Clock(Date.UTC(2026, 10, 22, 15), 1, () => Date.now()),
    port: 0,
    controlPort: 0,
    seed: 1,
  });
});
afterAll(() => exchange.close());

const answered = [
  "get_candles_seconds",
  "get_candles_minutes",
  "get_candles_days",
  "get_candles_weeks",
  "get_candles_months",
  "get_candles_years",
  "get_tickers",
  "get_tickers_by_quote",
  "get_orderbook_instruments",
];

/** What kind of text a value is: names of kinds, never values. */
function kinds(text: string): Map<string, string> {
  const source = (_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === "number" ? { number: context!.source! } : value;
  const [row] = JSON.parse(text, source as never) as Record<string, unknown>[];
  return new Map(
    Object.entries(row!).map(([name, value]) => {
      if (typeof value === "string") {
        return [
          name,
          value.replace(/[A-Z]+-?/g, "A").replace(/\d+/g, (d) => `${d.length}`),
        ];
      }
      if (value === null || typeof value !== "object") return [name, String(value)];
      if (!("number" in value)) return [name, Array.isArray(value) ? "list" : "object"];
      // The recorder read numbers as floats: of a fraction's digits only that there are any is the wire's.
      return [name, /^\d+$/.test(String(value.number)) ? "whole" : "fraction"];
    }),
  );
}

/** Texts whose length is of the market, not of the form. */
const free = new Set(["market", "tick_size", "change"]);

test.skipIf(!here).each(answered)(
  "UPBIT.md 8: %s has the recorded names, order and kinds of values, and status",
  async (name) => {
    const { path, body, status } = recorded(name);
    const answer = await fetch(new URL(path, exchange.rest));
    expect(answer.status).toBe(status);
    const ours = kinds(await answer.text());
    const theirs = kinds(body);
    expect([...ours.keys()]).toEqual([...theirs.keys()]);
    for (const [field, kind] of ours) {
      if (!free.has(field)) expect([field, kind]).toEqual([field, theirs.get(field)]);
    }
  },
);

test.skipIf(!here).each(answered)("UPBIT.md 7, 8: %s has the recorded headers", async (name) => {
  const { path, headers } = recorded(name);
  const answer = await fetch(new URL(path, exchange.rest));
  await answer.text();
  for (const name of ["content-type", "cache-control", "pragma", "expires", "limit-by-ip"]) {
    expect([name, answer.headers.get(name)]).toEqual([name, headers.get(name)]);
  }
  expect(answer.headers.get("vary")!.toLowerCase().split(/,\s*/)).toEqual(
    expect.arrayContaining(headers.get("vary")!.toLowerCase().split(/,\s*/)),
  );
  const form = (text: string) => text.replace(/[\da-f]{33}/, "hash").replace(/\d+$/, "n");
  for (const name of ["etag", "remaining-req"]) {
    expect(form(answer.headers.get(name)!)).toBe(form(headers.get(name)!));
  }
  expect(answer.headers.get("date")).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
});

test.skipIf(!here)(
  "UPBIT.md 7: six recorded candle answers of one second count down from 9 to 4, as ours do",
  async () => {
    const names = ["minutes", "seconds", "days", "weeks", "months", "years"];
    const answers = names.map((name) => recorded(`get_candles_${name}`));
    expect(new Set(answers.map(({ headers }) => headers.get("date"))).size).toBe(1);
    const left = answers.map(({ headers }) => headers.get("remaining-req"));
    expect(left).toEqual([9, 8, 7, 6, 5, 4].map((sec) => `group=candles; min=600; sec=${sec}`));
    // in its own second, however long six answers take on a busy machine
    const standing = await startExchange({
      book: new SimulatedBook({ seed: 42, markets: { KRW: 2 }, rate: 1, lateShare: 0.01 }),
      clock: new Clock(Date.UTC(2026, 10, 22, 15), 1, () => 1_795_359_600_000),
      port: 0,
      controlPort: 0,
      seed: 1,
    });
    try {
      const ours: (string | null)[] = [];
      for (const { path } of answers) {
        const answer = await fetch(new URL(path, standing.rest));
        ours.push(answer.headers.get("remaining-req"));
        await answer.text();
      }
      expect(ours).toEqual(left);
    } finally {
      await standing.close();
    }
  },
);

/** Decimal text, in 10^-digits. */
function units(text: string, digits: number): bigint {
  const [whole, fraction = ""] = text.split(".");
  return BigInt(whole! + fraction.padEnd(digits, "0"));
}

test.skipIf(!here).each(
  [
    ["seconds", "s"],
    ["minutes", 1],
    ["days", "d"],
    ["weeks", "w"],
    ["months", "mo"],
    ["years", "y"],
  ] as const,
)(
  "UPBIT.md 3: the recorded %s answer, spelled by us, is as long as the exchange said, and says the same",
  (name, unit: Unit) => {
    const { body, headers } = recorded(`get_candles_${name}`);
    const source = (_key: string, value: unknown, context?: { source?: string }) =>
      typeof value === "number" ? context!.source! : value;
    const [row] = JSON.parse(body, source as never) as Record<string, string>[];
    const startsAtMs = Date.parse(`${row!["candle_date_time_utc"]}Z`);
    expect(bucketStartMs(unit, startsAtMs)).toBe(startsAtMs);
    const amount = (field: string) => units(row![field]!, 8);
    const candle = {
      market: row!["market"]!,
      unit,
      startsAtMs,
      open: amount("opening_price"),
      high: amount("high_price"),
      low: amount("low_price"),
      close: amount("trade_price"),
      volume: amount("candle_acc_trade_volume"),
      askVolume: 0n,
      turnover: units(row!["candle_acc_trade_price"]!, 16),
      lastTickAtMs: Number(row!["timestamp"]),
    };
    const previous = row!["prev_closing_price"];
    const ours = `[${restText(restCandle(candle, previous ? units(previous, 8) : null))}]`;
    // The recorder cut numbers to floats and indented the text, but kept the length of what came over the wire.
    expect(ours.length).toBe(Number(headers.get("content-length")));
    expect(JSON.parse(ours)).toEqual(JSON.parse(body));
  },
);
