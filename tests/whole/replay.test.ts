import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBrowser, openChart, pageBadge, pageRows, pageSeconds } from "./browser.ts";
import { exactJson, scaled, unscaled } from "./exact.ts";
import { difference, keyOf, SAME, type Second, storedSeconds } from "./seconds.ts";
import { until } from "../until.ts";
import { CHECKOUT, Stack } from "./stack.ts";

/**
 * Real input: a capture of 30 seconds of the exchange in 2021, 299 trades of KRW-LAMB and a few of others, with their real
 * disorder, through the whole product. The expected rows are computed here from the raw file.
 */

const CAPTURE = join(
  process.env["STOFKA_DATA"] ?? join(CHECKOUT, "../shared/data"),
  "cryptofeed/UPBIT.ws.62.0",
);

/**
 * Seconds from the file's trades. Within a second trades are ordered by (trade_timestamp, sequential_id): an inference,
 * since the exchange calls the id unique but no order. `last_tick_at` is the newest `timestamp` (when the exchange stored
 * the trade), as the exchange describes its candles.
 */
function secondsOfCapture(text: string): Map<string, Second> {
  interface Trade {
    readonly atMs: number;
    readonly id: bigint;
    readonly storedMs: number;
    readonly price: bigint;
    readonly volume: bigint;
  }
  const trades = new Map<string, { market: string; startsAtMs: number; trades: Trade[] }>();
  for (const line of text.split("\n")) {
    const json = /^[\d.]+: b'(.*)'$/.exec(line)?.[1];
    if (json === undefined) continue;
    const frame = exactJson(json) as Record<string, string>;
    if (frame["ty"] !== "trade") continue;
    const atMs = Number(frame["ttms"]);
    const second = { market: frame["cd"]!, startsAtMs: Math.floor(atMs / 1000) * 1000 };
    const entry = trades.get(keyOf(second)) ?? { ...second, trades: [] };
    trades.set(keyOf(second), entry);
    entry.trades.push({
      atMs,
      id: BigInt(frame["sid"]!),
      storedMs: Number(frame["tms"]),
      price: scaled(frame["tp"]!, 8),
      volume: scaled(frame["tv"]!, 8),
    });
  }
  return new Map([...trades].map(([key, { market, startsAtMs, trades }]) => {
    trades.sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
    const prices = trades.map(({ price }) => price);
    return [key, {
      market,
      startsAtMs,
      lastTickAtMs: Math.max(...trades.map(({ storedMs }) => storedMs)),
      open: unscaled(prices[0]!, 8),
      high: unscaled(prices.reduce((a, b) => a > b ? a : b), 8),
      low: unscaled(prices.reduce((a, b) => a < b ? a : b), 8),
      close: unscaled(prices.at(-1)!, 8),
      volume: unscaled(trades.reduce((sum, { volume }) => sum + volume, 0n), 8),
      turnover: unscaled(trades.reduce((sum, t) => sum + t.price * t.volume, 0n), 16),
    }];
  }));
}

describe.skipIf(!existsSync(CAPTURE))("a recorded capture, replayed", () => {
  let stack: Stack;
  let browser: Browser;
  let truth: Map<string, Second>;
  let span: [sinceMs: number, untilMs: number];

  beforeAll(async () => {
    truth = secondsOfCapture(readFileSync(CAPTURE, "utf8"));
    const starts = [...truth.values()].map(({ startsAtMs }) => startsAtMs);
    span = [Math.min(...starts) - 60_000, Math.max(...starts) + 60_000];
    [stack, browser] = await Promise.all([
      Stack.start("bootstrap", ["--exchange", `replay:${CAPTURE}`]),
      openBrowser(),
    ]);
  }, 200_000);

  afterAll(async () => {
    await browser?.close();
    expect(await stack?.stop()).toEqual([]);
  });

  test("all 35 seconds are stored as the file says, and nothing else", async () => {
    expect(truth.size).toBe(35);
    let found = SAME;
    await until("every second is stored", 60_000, async () => {
      found = difference(truth, await storedSeconds(stack.database, ...span));
      return found.missing.length + found.different.length === 0;
    }, { everyMs: 500 }).catch(() => {}); // the comparison below says what differs
    expect(found).toEqual(SAME);
    const [{ rows }] = await stack
      .database`SELECT count(*)::int AS rows FROM market_candle_1s` as unknown as [
        { rows: number },
      ];
    expect(rows).toBe(35);
    const stored = await storedSeconds(stack.database, ...span);
    expect(new Set([...stored.values()].map(({ origin }) => origin))).toEqual(new Set(["replay"]));
  });

  test("the page shows them under their recorded times, and says REPLAY", async () => {
    const page = await openChart(browser, stack.file.page, "KRW-LAMB");
    const expected = new Map([...truth].filter(([, { market }]) => market === "KRW-LAMB"));
    await until(
      "the page holds every second",
      20_000,
      async () => (await pageRows(page)).length >= expected.size,
    ).catch(() => {});
    const held = await pageSeconds(page, "KRW-LAMB");
    expect(difference(expected, held)).toEqual(SAME);
    expect((await pageBadge(page)).provenance).toBe("replay");
    expect(await page.locator(".provenance").textContent()).toMatch(/replay/i);
  });
});
