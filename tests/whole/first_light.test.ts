import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  candlePixels,
  hover,
  openBrowser,
  openChart,
  pageBadge,
  pageRows,
  pageSeconds,
  shownRecord,
} from "./browser.ts";
import { plain } from "./exact.ts";
import { difference, ledgerSeconds, listedMarkets, SAME, storedSeconds } from "./seconds.ts";
import { Stack, until } from "./stack.ts";

/**
 * First light: `npm start` as a user types it, the simulated exchange, everything real between it and the page in a
 * browser. What is compared with is the exchange's ledger, which is computed from trades by code of its own.
 */

const MARKET = "KRW-BTC";
/** A second can be counted anew for 1.5 s after its end; then it must travel. */
const SETTLED_MS = 4_000;

let stack: Stack;
let browser: Browser;
let page: Page;
/** From here on the running ingest has seen everything. */
let sinceMs: number;

beforeAll(async () => {
  [stack, browser] = await Promise.all([
    Stack.start("npm start", ["--exchange", "simulator"]),
    openBrowser(),
  ]);
  page = await openChart(browser, stack.file.page, MARKET);
  sinceMs = await coveredSinceMs();
}, 240_000);

afterAll(async () => {
  await browser?.close();
  expect(await stack?.stop()).toEqual([]);
}, 60_000);

/** The first whole second of the first session. */
async function coveredSinceMs(): Promise<number> {
  let since = 0;
  await until("a session is stored", 20_000, async () => {
    const [row] = await stack.database`
      SELECT (extract(epoch FROM max(since)) * 1000)::bigint::text AS since FROM coverage_session`;
    since = Number(row!["since"] ?? 0);
    return since > 0;
  });
  return Math.ceil(since / 1000) * 1000;
}

function settledMs(): number {
  return Math.floor((Date.now() - SETTLED_MS) / 1000) * 1000;
}

/** As the page shows a time of day at first: Korean, nine hours ahead. */
function kst(ms: number): string {
  return new Date(ms + 9 * 3_600_000).toISOString().slice(11, 23);
}

describe("first light", () => {
  test("npm start told the user where the page is, and that prices are invented", () => {
    expect(stack.output).toContain(stack.file.page);
    expect(stack.output).toContain("SIMULATED");
  });

  test("PostgreSQL holds what the exchange's ledger says, to the last digit, for all markets", async () => {
    // enough trades for each claim below, also in a quiet half minute
    await until("40 seconds are settled", 90_000, () => settledMs() - sinceMs >= 40_000);
    const untilMs = settledMs();
    const { control, rest } = stack.file.exchange;
    const markets = await listedMarkets(rest);
    expect(markets.length).toBe(289);
    const truth = await ledgerSeconds(control!, markets, sinceMs, untilMs);
    expect(truth.size).toBeGreaterThan(200);
    // a number that went through a binary float on its way would be noticed here
    expect([...truth.values()].some(({ turnover }) => plain(`${Number(turnover)}`) !== turnover))
      .toBe(true);
    let found = SAME;
    await until("the table equals the ledger", 15_000, async () => {
      found = difference(truth, await storedSeconds(stack.database, sinceMs, untilMs));
      return found.missing.length + found.different.length === 0;
    }, 500).catch(() => {}); // the comparison below says what differs
    expect(found).toEqual(SAME);
    const stored = await storedSeconds(stack.database, sinceMs, untilMs);
    expect(new Set([...stored.values()].map(({ origin }) => origin))).toEqual(
      new Set(["websocket"]),
    );
    // of about a hundred trades one is counted after its second was first sent: without revisions this would prove less
    expect([...stored.values()].some(({ revisions }) => revisions > 0)).toBe(true);
  });

  test("the chart draws just these candles", async () => {
    await until(
      "the page holds 10 settled seconds",
      40_000,
      async () => (await pageSeconds(page, MARKET, sinceMs, settledMs())).size >= 10,
    );
    const untilMs = settledMs();
    const truth = await ledgerSeconds(stack.file.exchange.control!, [MARKET], sinceMs, untilMs);
    const held = await pageSeconds(page, MARKET, sinceMs, untilMs);
    expect(difference(truth, held)).toEqual(SAME);
  });

  test("its pixels have the colours of rising and falling candles where these stand", async () => {
    await until("risen and fallen candles are on the chart", 60_000, async () => {
      const sides = (await candlePixels(page, 120)).map(({ direction }) => direction);
      return sides.includes("up") && sides.includes("down");
    }, 1_000);
    const candles = await candlePixels(page, 120);
    const wrong = candles.filter(({ direction, up, down }) =>
      direction === "up" ? up === 0 : direction === "down" ? down === 0 : false
    );
    // the newest may be drawn with the next frame
    expect(wrong.filter(({ startsAtMs }) => startsAtMs < settledMs())).toEqual([]);
    expect(candles.filter(({ direction }) => direction !== "even").length).toBeGreaterThanOrEqual(
      2,
    );
  });

  test("it says SIMULATED, beside the badge, on the chart and in the tab's title", async () => {
    expect((await pageBadge(page)).provenance).toBe("simulated");
    expect(await page.locator(".provenance").textContent()).toMatch(/simulated/i);
    expect(await page.locator(".watermark").textContent()).toMatch(/simulated/i);
    expect(await page.title()).toMatch(/simulated/i);
    await until("live", 10_000, async () => (await pageBadge(page)).state === "live");
  });

  test("hovering a second shows its record, digit for digit", async () => {
    // far enough from the newest for the one that comes under the pointer to be settled too
    const row = (await pageRows(page)).filter(({ startsAtMs }) => startsAtMs < settledMs() - 4_000)
      .at(-1)!;
    await hover(page, row.startsAtMs);
    await page.waitForSelector(".record[data-hovered=true]", { timeout: 5_000 });
    const { startsAt, tags, values } = await shownRecord(page);
    // the chart goes on under a resting pointer
    const shownMs = Date.parse(startsAt);
    expect(Math.abs(shownMs - row.startsAtMs)).toBeLessThanOrEqual(3_000);
    const held = (await pageRows(page)).find(({ startsAtMs }) => startsAtMs === shownMs)!;
    const shown = Object.fromEntries(
      Object.entries(values).map(([name, text]) => [name, text.replaceAll(",", "")]),
    );
    const [truth] = (await ledgerSeconds(
      stack.file.exchange.control!,
      [MARKET],
      shownMs,
      shownMs + 1_000,
    )).values();
    expect(shown).toMatchObject({
      Open: truth!.open,
      High: truth!.high,
      Low: truth!.low,
      Close: truth!.close,
      Volume: truth!.volume,
      Turnover: truth!.turnover,
    });
    expect(values["Exchange time"]).toBe(kst(truth!.lastTickAtMs));
    expect(values["Received"]).toBe(kst(held.receivedAtMs!));
    expect(values["Revisions"]).toMatch(/^\d+$/);
    expect(tags).toContain("live socket");
    await page.mouse.move(0, 0);
  });

  test("a killed stream service is noticed and healed: no second is missing on the page", async () => {
    const before = stack.pid("stream")!;
    stack.kill("stream");
    await until(
      "the page says that it reconnects",
      10_000,
      async () => (await pageBadge(page)).state === "reconnecting",
      20,
    );
    const backMs = await stack.recovered("stream", before, 60_000);
    await until(
      "the page is live again",
      30_000,
      async () => (await pageBadge(page)).state === "live",
    );
    await until("8 more seconds are settled", 30_000, () => settledMs() >= backMs + 4_000);
    const untilMs = settledMs();
    const truth = await ledgerSeconds(stack.file.exchange.control!, [MARKET], sinceMs, untilMs);
    const held = await pageSeconds(page, MARKET, sinceMs, untilMs);
    expect(difference(truth, held)).toEqual(SAME);
  });
});
